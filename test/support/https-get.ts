import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { type RequestOptions, request } from "node:https";

/** The status of a GET; rejects as the handshake does. */
export async function httpsStatus(url: string, options: RequestOptions): Promise<number> {
  const call = request(url, { ...options, agent: false });
  call.end();
  const [response] = (await once(call, "response")) as [IncomingMessage];
  response.resume();
  return response.statusCode ?? 0;
}
