import { isDiscoveryError } from "../../errors.ts";

/**
 * How a use of a host has ended, as far as the host's health is concerned:
 *
 * - `succeeded`: it answers; an unwelcome answer is one, too;
 * - `failed`: it broke off, did not answer in time, or says itself that it cannot serve;
 * - `unreachable`: no connection to it could be made, so that the request was never sent;
 * - `undecided`: says nothing about the host, such as a request that its caller gave up.
 */
export type Outcome = "succeeded" | "failed" | "unreachable" | "undecided";

const unreachableCodes: ReadonlySet<unknown> = new Set([
  "ECONNREFUSED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** HTTP: the gateway before it, or it itself, says that it cannot serve. Not 500, which one poisonous request can bring about everywhere. */
const failedStatuses: ReadonlySet<unknown> = new Set([502, 503, 504]);

/** gRPC: DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS. */
const failedGrpcStatuses: ReadonlySet<unknown> = new Set([4, 13, 14, 15]);

/** Longer chains of causes are somebody's mistake. */
const deepest = 8;

/** What a value that came back says: of an HTTP response its status, of all else that the host works. */
export function outcomeOfValue(value: unknown): Outcome {
  if (Object.prototype.toString.call(value) !== "[object Response]") return "succeeded";
  return failedStatuses.has((value as { status?: unknown }).status) ? "failed" : "succeeded";
}

/** What an error says, by its code or status or those of its causes. An error that says nothing of itself counts as the host's. */
export function outcomeOfError(error: unknown): Outcome {
  let cause = error;
  for (let depth = 0; depth < deepest && isObject(cause); depth += 1) {
    const outcome = outcomeOfOne(cause);
    if (outcome !== undefined) return outcome;
    cause = cause["cause"];
  }
  return "failed";
}

function outcomeOfOne(error: Fields): Outcome | undefined {
  if (isDiscoveryError(error)) return error.code === "MALFORMED_RECORD" ? "failed" : "undecided";
  if (error["name"] === "AbortError") return "undecided";
  const { code, syscall } = error as { code?: unknown; syscall?: unknown };
  if (unreachableCodes.has(code)) return "unreachable";
  if (syscall === "connect" && typeof code === "string") return "unreachable";
  // Node.js tries all addresses of a name, and gathers what befell each.
  if (Array.isArray(error["errors"]) && error["errors"].length > 0) {
    return outcomeOfError(error["errors"][0]);
  }
  if (typeof code === "number" && "details" in error) {
    if (code === 1) return "undecided";
    return failedGrpcStatuses.has(code) ? "failed" : "succeeded";
  }
  const status = statusOf(error) ?? (isObject(error["response"]) && statusOf(error["response"]));
  if (typeof status === "number") return failedStatuses.has(status) ? "failed" : "succeeded";
  return undefined;
}

function statusOf(answer: Fields): number | undefined {
  const status = answer["status"] ?? answer["statusCode"];
  return typeof status === "number" ? status : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Fields {
  return typeof value === "object" && value !== null;
}
