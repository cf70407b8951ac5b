import { errors } from "undici";

/** Methods that do the same whether the host has seen them once or twice. Case matters, as in HTTP. */
const idempotentMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** Whether a request may be sent twice: by its method, unless the caller says so. */
export function isIdempotent(method: string, said: boolean | undefined): boolean {
  return said ?? idempotentMethods.has(method);
}

/** Answers by which a host, or a gateway before it, says that it cannot serve. */
export function isFailedStatus(status: number): boolean {
  return status === 502 || status === 503 || status === 504;
}

/** Longer than that nobody waits here because a host asked for it. */
const longestRetryAfterMs = 1_000;

/**
 * How long a host asks to wait, in milliseconds; 0 if it does not, undefined if it is too long. So is a
 * date: nobody gives one for less than a second, and clocks disagree by more.
 */
export function retryAfterMs(header: unknown): number | undefined {
  if (header === undefined || header === "") return 0;
  const ms = typeof header === "string" && /^\d+$/.test(header) ? Number(header) * 1_000 : Infinity;
  return ms <= longestRetryAfterMs ? ms : undefined;
}

/** What undici says of a request that could be sent to nobody. */
const mistakes: ReadonlySet<unknown> = new Set([
  "UND_ERR_INVALID_ARG",
  "UND_ERR_NOT_SUPPORTED",
  "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH",
]);

/** Whether it is the request that is wrong, and no host's fault. */
export function isMistake(error: unknown): boolean {
  return mistakes.has(codeOf(error));
}

/** Whether the connections were closed on this side before the request got one. */
export function isClosedHere(error: unknown): boolean {
  return error instanceof errors.ClientClosedError || error instanceof errors.ClientDestroyedError;
}

const breaks: ReadonlySet<unknown> = new Set([
  "UND_ERR_SOCKET",
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
]);

/** Whether the connection broke under a request, as when the host's process is killed. */
export function isBreak(error: unknown): boolean {
  return breaks.has(codeOf(error));
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
