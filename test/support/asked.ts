import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { HttpHandler } from "../../src/integrations/prometheus/index.ts";

/** What a handler answered. */
export interface Asked {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Asks a handler behind a server of its own, which is gone afterwards. */
export async function ask(
  handler: HttpHandler,
  options: { readonly method?: string; readonly headers?: Record<string, string> } = {},
): Promise<Asked> {
  const server = createServer(handler);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    const { port } = server.address() as AddressInfo;
    const call = request({ host: "127.0.0.1", port, path: "/any", agent: false, ...options });
    call.end();
    const [answer] = (await once(call, "response")) as [IncomingMessage];
    let body = "";
    for await (const chunk of answer.setEncoding("utf8")) body += String(chunk);
    const { headers, statusCode = 0 } = answer;
    return { status: statusCode, type: headers["content-type"], headers, body };
  } finally {
    server.close();
  }
}

/** The header that a token is carried in. */
export function bearer(token: string): Record<string, string> {
  return { authorization: `Bearer ${token}` };
}
