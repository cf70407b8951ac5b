/** How a request to etcd ended, in the words of gRPC, whatever the API; `CANCELLED`: by ourselves. */
export type RpcCode =
  | "OK"
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** Told of each request to etcd when it is over; of what lasts, such as a watch, unless we have ended it. */
export interface RpcReport {
  /** Whether anybody listens. If not, there is no need to tell. */
  readonly rpcsWanted: boolean;

  /**
   * @param method such as `KV/Range`, one of a few; `stream` tells whether it may last
   * @param endpoint such as `http://10.0.0.1:2379`
   */
  rpcEnded(
    method: string,
    code: RpcCode,
    durationMs: number,
    endpoint: string,
    stream: boolean,
  ): void;
}
