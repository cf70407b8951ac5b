import { DiscoveryError, type DiscoveryErrorCode } from "../../errors.ts";
import type { Blame, CallError, CallErrorOptions } from "../etcd/call-error.ts";
import type { FailureKind } from "../etcd/endpoints.ts";
import { headerOf } from "./answer-header.ts";
import type { HttpAnswer } from "./http-channel.ts";
import { HttpError } from "./http-error.ts";
import { errorCodes, KeysError } from "./keys-api.ts";
import { fieldsOf, parseJson } from "./json.ts";

/** What etcd's error codes say of the endpoint; any other is about the request. */
const blameOfCode: Readonly<Record<number, Blame>> = {
  [errorCodes.raftInternal]: "fault",
  [errorCodes.leaderElect]: "fault",
};

/** What an HTTP status says where etcd says nothing; any other below 500 comes from something that is not etcd's v2 API. */
const blameOfStatus: Readonly<Record<number, Blame>> = { 408: "fault", 429: "fault" };

/** What etcd's error codes mean for a caller; the rest, those of the keys themselves, are told as they are. */
function codeOf({ errorCode }: KeysError): DiscoveryErrorCode | undefined {
  // From 200 on, and a write to the root: the request makes no sense to etcd.
  if (errorCode === errorCodes.rootIsReadOnly) return "INVALID_ARGUMENT";
  if (errorCode >= 200 && errorCode < 300) return "INVALID_ARGUMENT";
  return errorCode < 200 || errorCode === errorCodes.historyCleared ? undefined : "UNAVAILABLE";
}

/** Why this is not an answer that grants the request, if it is not. */
export function refusalOf(answer: HttpAnswer, address: string): KeysError | HttpError | undefined {
  const { status, headers, body } = answer;
  if (status >= 200 && status < 300) return undefined;
  const { errorCode, message, cause, index } = fieldsOf(parseJson(body));
  if (typeof errorCode === "number") {
    // A comparison of values that failed shows both, and these hold passwords.
    const showsValues = errorCode === errorCodes.compareFailed && !isOfIndexes(cause);
    const told = showsValues ? [message] : [message, cause];
    const words = told.filter((word) => typeof word === "string" && word !== "");
    const text = `${words.join(": ")} (${errorCode})`;
    const blame = blameOfCode[errorCode];
    if (blame !== undefined) return new HttpError(blame, text, { answered: true });
    const known = typeof index === "number" ? index : headerOf(headers)?.revision;
    return new KeysError(errorCode, text, known ?? 0);
  }
  if (status === 401) return new KeysError(errorCodes.unauthorized, "HTTP status 401", 0);
  const blame = status >= 500 ? "fault" : blameOfStatus[status];
  if (blame === undefined) return notServed(address, `HTTP status ${status}`);
  const said = typeof message === "string" ? `: ${message}` : "";
  return new HttpError(blame, `${address} answered HTTP status ${status}${said}`, {
    answered: true,
  });
}

function isOfIndexes(cause: unknown): boolean {
  return typeof cause === "string" && /^\[\d+ != \d+\]$/.test(cause);
}

/** The endpoint is there, but knows nothing of the v2 API: etcd from 3.6 on, and before that unless told otherwise. */
export function notServed(address: string, why: string, cause?: unknown): HttpError {
  const message = `${address} does not serve etcd's v2 API (${why}): start etcd with --enable-v2, which it knows up to 3.5, or use its v3 API (api: 3)`;
  return new HttpError("unfit", message, { cause, answered: true });
}

/** Who reads goes on from that index: without it changes would be missed, and nobody would know. */
export function withoutIndex(address: string): HttpError {
  return notServed(address, "it gives no X-Etcd-Index, or something on the way leaves that out");
}

/**
 * Translates a failure for the caller; etcd's word about the keys, such as that there is none, stays as it is.
 *
 * @param what the call and the keys it was about, such as `read "/services/demo"`
 */
export function callerError(error: CallError, what: string): DiscoveryError | KeysError {
  const isKeys = error instanceof KeysError;
  const code = isKeys ? codeOf(error) : error.blame === "silence" ? "TIMEOUT" : "UNAVAILABLE";
  if (isKeys && code === undefined) return error;
  const message = `etcd could not ${what}: ${error.message}`;
  return new DiscoveryError(code ?? "UNAVAILABLE", message, { cause: error });
}

const blames: Readonly<Record<FailureKind, Blame>> = {
  silence: "silence",
  fault: "fault",
  closed: "request",
};

/** How the fail-over's own failures are told. */
export function endpointFailure(
  kind: FailureKind,
  message: string,
  options?: CallErrorOptions,
): HttpError {
  return new HttpError(blames[kind], message, options);
}
