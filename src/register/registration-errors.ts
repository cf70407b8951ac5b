import { DiscoveryError, isDiscoveryError } from "../errors.ts";

/** @param cause why it never came to be registered, if it did not */
export function closed(service: string, cause?: DiscoveryError): DiscoveryError {
  const reason = cause === undefined ? "" : ` before it was registered: ${cause.message}`;
  return new DiscoveryError("CLOSED", `the registration of "${service}" has ended${reason}`, {
    cause,
  });
}

/** Refusals that only somebody else can lift, so that whoever waits should hear of them at once. */
export function isDenied(error: DiscoveryError): boolean {
  return (
    isDiscoveryError(error, "UNAUTHENTICATED") ||
    isDiscoveryError(error, "PERMISSION_DENIED") ||
    isDiscoveryError(error, "CLOSED")
  );
}

/** A write was refused, and so was the next one after a look at what is there. */
export function overtakenAgain(service: string): DiscoveryError {
  const message = `writing ${service}: somebody else was first, twice in a row`;
  return new DiscoveryError("UNAVAILABLE", message);
}

export function asDiscoveryError(error: Error): DiscoveryError {
  if (isDiscoveryError(error)) return error;
  return new DiscoveryError("UNAVAILABLE", error.message, { cause: error });
}
