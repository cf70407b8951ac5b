import { reasonOf } from "../etcd/reason.ts";
import type { HttpRequest } from "./exchange.ts";
import { fieldsOf, parseJson } from "./json.ts";
import type { KeysAnswer, KeysNode, KeysRequest } from "./keys-api.ts";
import { notServed } from "./status.ts";

/** How a request goes over the wire. */
export function encodeRequest(
  request: KeysRequest,
  authorization: string | undefined,
): HttpRequest {
  const { method, key, parameters = {}, brief = false } = request;
  const path = `/v2/keys${escaped(key)}`;
  let form = "";
  for (const [name, value] of Object.entries(parameters)) {
    form += `${form === "" ? "" : "&"}${name}=${escaped(value)}`;
  }
  if (brief) form += `${form === "" ? "" : "&"}noValueOnSuccess=true`;
  // A URL is logged here and there, and a value has a password in it. What has none is one write less.
  if ("value" in parameters) return { method, path, body: form, authorization };
  return { method, path: form === "" ? path : `${path}?${form}`, authorization };
}

/** What may stand in a path or a form as it is, as most of it may. */
const plain = /^[\w/.-]*$/;

/** A key may hold what ends a path, or a `%`; only its slashes are meant as such. */
function escaped(text: string): string {
  return plain.test(text) ? text : encodeURIComponent(text).replaceAll("%2F", "/");
}

/**
 * Reads an answer, or an event of a poll.
 *
 * @param index the one of the headers, if they have one
 * @param address whose answer it is, for messages
 * @throws HttpError if it is none of the keys API
 */
export function decodeAnswer(text: string, index: number | undefined, address: string): KeysAnswer {
  try {
    const { action, node, prevNode } = fieldsOf(parseJson(text));
    if (typeof action !== "string") throw new Error("it has no action");
    const decoded = decodeNode(node);
    return {
      action,
      node: decoded,
      prevNode: prevNode === undefined || prevNode === null ? undefined : decodeNode(prevNode),
      // The node was there already by then.
      index: index ?? decoded.modifiedIndex,
    };
  } catch (error) {
    throw notServed(address, `the answer is none of it: ${reasonOf(error)}`, error);
  }
}

/** As {@link decodeAnswer}, where only the index is wanted: by then the node may have been left out. */
export function decodeIndexOnly(text: string, index: number | undefined, address: string): number {
  return index ?? decodeAnswer(text, index, address).index;
}

function decodeNode(json: unknown): KeysNode {
  if (typeof json !== "object" || json === null) throw new Error("there is no node");
  const { key, value, dir, nodes, modifiedIndex, createdIndex, ttl } = json as {
    readonly [K in keyof KeysNode]?: unknown;
  };
  // The root has neither a key nor indexes.
  const isRoot = key === undefined && dir === true;
  if (!isRoot && typeof key !== "string") throw new Error("a node has no key");
  if (value !== undefined && typeof value !== "string") throw new Error("a value is no string");
  if (nodes !== undefined && nodes !== null && !Array.isArray(nodes)) {
    throw new Error("the nodes are no list");
  }
  return {
    key: isRoot ? "/" : String(key),
    value,
    dir: dir === true ? dir : undefined,
    nodes: Array.isArray(nodes) ? nodes.map(decodeNode) : undefined,
    modifiedIndex: isRoot ? 0 : decodeIndex(modifiedIndex),
    createdIndex: isRoot ? 0 : decodeIndex(createdIndex),
    ttl: typeof ttl === "number" ? ttl : undefined,
  };
}

function decodeIndex(json: unknown): number {
  if (typeof json === "number" && Number.isSafeInteger(json) && json > 0) return json;
  throw new Error("a node has no index");
}
