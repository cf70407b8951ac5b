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

/** A call that ended with another status than OK. Internal to the driver: callers see a `DiscoveryError`. */
export class GrpcError extends Error {
  static {
    this.prototype.name = "GrpcError";
  }

  readonly status: number;

  /** Whether the request certainly never reached the server, so that even a write may be sent again. */
  readonly neverSent: boolean;

  /** Whether it is the server's own word. */
  readonly answered: boolean;

  constructor(
    status: number,
    message: string,
    options?: ErrorOptions & { readonly neverSent?: boolean; readonly answered?: boolean },
  ) {
    super(message, options);
    this.status = status;
    this.neverSent = options?.neverSent ?? false;
    this.answered = options?.answered ?? false;
  }
}
