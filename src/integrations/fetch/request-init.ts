import { FormData, Request, type RequestInit } from "undici";
import { optionalMilliseconds, optionsBag } from "../../arguments.ts";
import { readBoolean } from "../../model/option-values.ts";
import { assertOptionalString, refuse } from "../../model/refuse.ts";

type Standard = {
  readonly [Name in Exclude<keyof RequestInit, "body" | "dispatcher">]?:
    | RequestInit[Name]
    | undefined;
};

/** What `fetch` of a {@link ServiceClient} takes beyond what every `fetch` does. */
export interface ServiceRequestInit extends Standard {
  /** What is sent; the forms of Node.js are taken, too. */
  readonly body?: RequestInit["body"] | globalThis.FormData | undefined;

  /** What the request is about: strategies that mind keys send the same key to the same host. */
  readonly key?: string | undefined;

  /**
   * Whether the host may see the request twice, so that it can be tried again on another one. Default:
   * by its method: GET, HEAD, OPTIONS, TRACE, PUT and DELETE may.
   */
  readonly idempotent?: boolean | undefined;

  /** In place of the client's own. */
  readonly attemptTimeoutMs?: number | undefined;
}

const names = {
  body: true,
  cache: true,
  credentials: true,
  duplex: true,
  headers: true,
  integrity: true,
  keepalive: true,
  method: true,
  mode: true,
  redirect: true,
  referrer: true,
  referrerPolicy: true,
  signal: true,
  window: true,
  key: true,
  idempotent: true,
  attemptTimeoutMs: true,
} as const;

function isName(name: string): boolean {
  return Object.hasOwn(names, name);
}

/** Throws `INVALID_ARGUMENT`, naming the field. What every `fetch` knows is left to that. */
export function checkRequestInit(init: ServiceRequestInit): void {
  const given = Object.keys(init);
  const known = given.every(isName);
  if (!known && given.includes("dispatcher")) {
    refuse(
      "dispatcher",
      "requests go out by the client's own; give it `otherwise` for other hosts",
    );
  }
  if (!known) optionsBag<ServiceRequestInit>(init, names);
  assertOptionalString("key", init.key);
  readBoolean("idempotent", init.idempotent, false);
  optionalMilliseconds("attemptTimeoutMs", init.attemptTimeoutMs, 1);
}

/** A request of another `fetch` than ours, such as that of Node.js: a class that ours does not know. */
export function isForeignRequest(input: unknown): input is Request {
  if (typeof input !== "object" || input === null || input instanceof Request) return false;
  return Object.prototype.toString.call(input) === "[object Request]";
}

function isForeignForm(body: ServiceRequestInit["body"]): body is globalThis.FormData {
  if (typeof body !== "object" || body instanceof FormData) return false;
  return Object.prototype.toString.call(body) === "[object FormData]";
}

/** What such a request is made of. */
export function takenApart({
  body,
  credentials,
  headers,
  method,
  redirect,
  signal,
}: Request): RequestInit {
  const own = { credentials, headers: [...headers], method, redirect, signal };
  return body === null ? own : { ...own, body, duplex: "half" };
}

/** A form of another `FormData` as one of ours; any other body as it is. */
export function ownBody(body: ServiceRequestInit["body"]): RequestInit["body"] {
  if (!isForeignForm(body)) return body;
  const own = new FormData();
  for (const [name, value] of body) own.append(name, value);
  return own;
}

/**
 * What a body is to be sent from each time, as `fetch` makes a stream of everything; undefined for one
 * that can be sent only once.
 */
export function replayOf(body: RequestInit["body"]): string | Uint8Array | Blob | undefined {
  if (typeof body === "string") return body;
  if (body instanceof URLSearchParams) return body.toString();
  // A copy, as the caller's may be another one by the next attempt.
  if (body instanceof ArrayBuffer) return new Uint8Array(body.slice(0));
  if (ArrayBuffer.isView(body)) {
    return new Uint8Array(body.buffer, body.byteOffset, body.byteLength).slice();
  }
  return body instanceof Blob ? body : undefined;
}
