import type { IncomingMessage, ServerResponse } from "node:http";
import type { BearerToken } from "./bearer-token.ts";

/**
 * Answers a request, whatever its path: for `createServer` of `node:http`, or a route of a framework that
 * hands out Node's own requests and responses. Never throws.
 */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** What goes back. */
export interface HttpAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

/** An answer in a sentence. */
export function sentence(
  status: number,
  text: string,
  headers?: Readonly<Record<string, string>>,
): HttpAnswer {
  return { status, type: "text/plain; charset=utf-8", body: `${text}\n`, headers };
}

const unauthorized = sentence(401, "a token is needed: Authorization: Bearer …", {
  "www-authenticate": 'Bearer realm="etcd-discovery"',
});
const wrongMethod = sentence(405, "only GET and HEAD are answered", { allow: "GET, HEAD" });
const failed = sentence(500, "that could not be told; the process that serves it knows why");

/**
 * A handler that answers GET and HEAD if the token allows it.
 *
 * @param onError told why an answer could not be made
 */
export function httpHandler(
  token: BearerToken,
  make: () => HttpAnswer | Promise<HttpAnswer>,
  onError: (error: unknown) => void,
): HttpHandler {
  const answer = async (request: IncomingMessage): Promise<HttpAnswer> => {
    if (!token.allows(request)) return unauthorized;
    if (request.method !== "GET" && request.method !== "HEAD") return wrongMethod;
    try {
      return await make();
    } catch (error) {
      onError(error);
      return failed;
    }
  };
  return (request, response) => {
    void answer(request).then((answered) => send(response, answered));
  };
}

function send(response: ServerResponse, answer: HttpAnswer): void {
  // Whoever asked may be gone.
  if (response.destroyed || response.headersSent) return;
  const { status, type, headers } = answer;
  const body = Buffer.from(answer.body);
  response.writeHead(status, {
    "content-type": type,
    "content-length": body.length,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...headers,
  });
  // Which Node.js leaves out of the answer to a HEAD.
  response.end(body);
}
