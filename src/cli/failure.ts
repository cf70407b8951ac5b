import { type DiscoveryErrorCode, isDiscoveryError } from "../errors.ts";
import { UsageError } from "./usage-error.ts";

const signIn = "ETCD_USERNAME and ETCD_PASSWORD, or --username and --password-file, sign in.";
const isItThere =
  "Is it running? --endpoints or ETCD_HOSTS say where it is; etcd-discovery doctor looks closer.";

const remedies: Partial<Record<DiscoveryErrorCode, string>> = {
  SERVICE_NOT_FOUND: "etcd-discovery services lists those there are.",
  NO_HOST_FOUND: "The service is known, and none of its hosts is registered now.",
  NO_HOST_FOUND_ON_SHARD: "Without --shard all hosts are shown.",
  UNAVAILABLE: isItThere,
  TIMEOUT: isItThere,
  UNAUTHENTICATED: signIn,
  PERMISSION_DENIED: "etcd-discovery doctor says which rights are missing.",
};

/** What can be done about an error, each a sentence. */
export function hintsFor(error: unknown, where: string | undefined): readonly string[] {
  if (error instanceof UsageError || isDiscoveryError(error, "INVALID_ARGUMENT")) {
    return ["etcd-discovery --help lists commands and options."];
  }
  if (!isDiscoveryError(error)) return [];
  const at = where === undefined ? [] : [`Looked at ${where}.`];
  const remedy = remedies[error.code];
  return remedy === undefined ? at : [...at, remedy];
}
