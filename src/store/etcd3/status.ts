import { DiscoveryError, type DiscoveryErrorCode } from "../../errors.ts";
import type { CallErrorOptions } from "../etcd/call-error.ts";
import type { FailureKind } from "../etcd/endpoints.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

const codes: Readonly<Record<number, DiscoveryErrorCode>> = {
  [GrpcStatus.INVALID_ARGUMENT]: "INVALID_ARGUMENT",
  [GrpcStatus.DEADLINE_EXCEEDED]: "TIMEOUT",
  [GrpcStatus.PERMISSION_DENIED]: "PERMISSION_DENIED",
  [GrpcStatus.UNAUTHENTICATED]: "UNAUTHENTICATED",
};

/** What etcd answers with status 3 when the call's token, or the lack of one, is at fault (etcd, api/v3rpc/rpctypes/error.go). */
const tokenFaults: readonly string[] = ["user name is empty", "revision of auth store is old"];

/**
 * Translates a gRPC failure. Every status that is not in the table is `UNAVAILABLE`: etcd cannot
 * serve this call now.
 *
 * @param what the call and the keys it was about, such as `read "/services/demo/"`
 */
export function discoveryError(error: GrpcError, what: string): DiscoveryError {
  const code = isTokenFault(error) ? "UNAUTHENTICATED" : (codes[error.status] ?? "UNAVAILABLE");
  return new DiscoveryError(code, `etcd could not ${what}: ${error.message}`, { cause: error });
}

/** Whether signing in (again) may cure the failure. */
export function isTokenFault(error: GrpcError): boolean {
  return (
    error.status === GrpcStatus.UNAUTHENTICATED ||
    (error.status === GrpcStatus.INVALID_ARGUMENT &&
      tokenFaults.some((fault) => error.message.includes(fault)))
  );
}

/** Whether etcd has certainly not carried the request out, and would refuse it again. */
export function isRefusal(error: GrpcError): boolean {
  return (
    error.status === GrpcStatus.INVALID_ARGUMENT ||
    error.status === GrpcStatus.NOT_FOUND ||
    error.status === GrpcStatus.PERMISSION_DENIED ||
    error.status === GrpcStatus.FAILED_PRECONDITION ||
    error.status === GrpcStatus.OUT_OF_RANGE
  );
}

const statuses: Readonly<Record<FailureKind, number>> = {
  silence: GrpcStatus.DEADLINE_EXCEEDED,
  fault: GrpcStatus.UNAVAILABLE,
  closed: GrpcStatus.CANCELLED,
};

/** How the fail-over's own failures are told. */
export function endpointFailure(
  kind: FailureKind,
  message: string,
  options?: CallErrorOptions,
): GrpcError {
  return new GrpcError(statuses[kind], message, options);
}
