import { type Blame, CallError, type CallErrorOptions } from "../etcd/call-error.ts";

/** The gRPC status codes by name (grpc/grpc, doc/statuscodes.md). */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const;

/** A read was under way while the cluster chose another leader, and etcd tells of that when there is one (etcd, api/v3rpc/rpctypes/error.go). */
const leaderChanged = "etcdserver: leader changed";

/** A call that ended with another status than OK. Internal to the driver: callers see a `DiscoveryError`. */
export class GrpcError extends CallError {
  static {
    this.prototype.name = "GrpcError";
  }

  readonly status: number;

  constructor(status: number, message: string, options?: CallErrorOptions) {
    super(message, options);
    this.status = status;
  }

  get blame(): Blame {
    if (this.status === GrpcStatus.DEADLINE_EXCEEDED) return "silence";
    if (this.status !== GrpcStatus.UNAVAILABLE) return "request";
    return this.message === leaderChanged ? "passing" : "fault";
  }
}
