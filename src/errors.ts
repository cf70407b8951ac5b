/**
 * Why a call failed.
 *
 * | code | meaning |
 * |---|---|
 * | `SERVICE_NOT_FOUND` | the service has neither an info nor a host |
 * | `NO_HOST_FOUND` | the service is known, but none of its hosts lives |
 * | `NO_HOST_FOUND_ON_SHARD` | hosts live, but none on the shard asked for |
 * | `UNKNOWN_SCHEME` | the host has no port of that name |
 * | `NOT_READY` | asked for something that is not known yet |
 * | `INVALID_ARGUMENT` | the caller's input is wrong; the message names the field and the remedy |
 * | `UNAVAILABLE` | etcd cannot be reached, or cannot serve now |
 * | `TIMEOUT` | etcd did not answer in time |
 * | `UNAUTHENTICATED` | etcd refused the user, the password, or the lack of them |
 * | `PERMISSION_DENIED` | the user's roles do not reach the key |
 * | `MALFORMED_RECORD` | a record on etcd cannot be used |
 * | `CLOSED` | the discovery or the registration has ended |
 */
export type DiscoveryErrorCode =
  | "SERVICE_NOT_FOUND"
  | "NO_HOST_FOUND"
  | "NO_HOST_FOUND_ON_SHARD"
  | "UNKNOWN_SCHEME"
  | "NOT_READY"
  | "INVALID_ARGUMENT"
  | "UNAVAILABLE"
  | "TIMEOUT"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "MALFORMED_RECORD"
  | "CLOSED";

/** Registered, so that two copies of the package in one process know each other's errors. */
const brand: unique symbol = Symbol.for("etcd-discovery.DiscoveryError") as never;

const retryableCodes: ReadonlySet<DiscoveryErrorCode> = new Set([
  "NOT_READY",
  "UNAVAILABLE",
  "TIMEOUT",
]);

/** The one class of error that this package throws; tell them apart by `code`. */
export class DiscoveryError extends Error {
  static {
    this.prototype.name = "DiscoveryError";
  }

  readonly code: DiscoveryErrorCode;

  /** Whether the very same call may succeed later without anybody changing anything. */
  readonly retryable: boolean;

  constructor(code: DiscoveryErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.retryable = retryableCodes.has(code);
    Object.defineProperty(this, brand, { value: true });
  }
}

/**
 * Whether `error` is a {@link DiscoveryError}, and of the given code if one is given. Unlike
 * `instanceof` it also recognises the errors of another copy of this package.
 */
export function isDiscoveryError(
  error: unknown,
  code?: DiscoveryErrorCode | undefined,
): error is DiscoveryError {
  return (
    typeof error === "object" &&
    error !== null &&
    brand in error &&
    (code === undefined || (error as { code?: unknown }).code === code)
  );
}
