import type { Dispatcher } from "undici";
import type { Host } from "../../model/host.ts";

type Headers = NonNullable<Dispatcher.DispatchOptions["headers"]> | null;

/** Headers with a host's user and password in them, unless it has none, or they have an authorization already. */
export function withAuthorization(headers: Headers, host: Host): Headers {
  if (host.user === "" && host.password === "") return headers;
  const pairs = pairsOf(headers);
  if (pairs.some(([name]) => name.toLowerCase() === "authorization")) return headers;
  const credentials = Buffer.from(`${host.user}:${host.password}`, "utf8").toString("base64");
  return [...pairs, ["authorization", `Basic ${credentials}`]].flat() as string[];
}

/**
 * Whether a `fetch` made the request, which then may be one that a redirect led to: such a header is not
 * the caller's. (One that opens a WebSocket follows none.)
 */
export function isFetched(headers: Headers): boolean {
  const mode = pairsOf(headers).find(([name]) => name.toLowerCase() === "sec-fetch-mode");
  return mode !== undefined && mode[1] !== "websocket";
}

type Pair = readonly [name: string, value: unknown];

/** The three ways in which undici takes headers. */
function pairsOf(headers: Headers): Pair[] {
  if (headers === null) return [];
  if (Array.isArray(headers)) {
    return headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]] as const] : []));
  }
  if (Symbol.iterator in headers) return [...(headers as Iterable<Pair>)];
  return Object.entries(headers);
}
