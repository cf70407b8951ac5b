import { type ClientRequest, request as plain } from "node:http";
import { request as secured } from "node:https";
import type { HostRecord } from "../../../model/record.ts";
import type { HttpCheck } from "../health-check.ts";
import type { ProbeTarget } from "../probe-target.ts";
import { exchange } from "./exchange.ts";
import { tlsOptions } from "./tls-options.ts";

/** What is read of an answer at most; one that is longer has said enough. */
const mostBytes = 65_536;

/** Whether the host answers with a status that means success. */
export function askHttp(
  check: HttpCheck,
  target: ProbeTarget,
  record: HostRecord,
  signal: AbortSignal,
): Promise<void> {
  const { path = "/", method = "GET" } = check;
  const [shownPath] = path.split("?");
  const asked = `${method} ${target.secure ? "https" : "http"}://${target.address}${shownPath}`;
  return exchange(signal, ({ succeed, fail }) => {
    const failed = (cause: Error) => fail(new Error(`${asked} had no answer`, { cause }));
    const request = open(check, target, record, { path, method });
    request.on("socket", (socket) => socket.unref());
    request.on("error", failed);
    request.on("response", (response) => {
      const status = response.statusCode ?? 0;
      if (status < 200 || status > 299) {
        fail(new Error(`${asked} was answered with status ${status}`));
        return;
      }
      let bytes = 0;
      response.on("error", failed);
      response.on("end", succeed);
      response.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes >= mostBytes) succeed();
      });
    });
    request.end();
    return () => request.destroy();
  });
}

function open(
  { headers, credentials, tls }: HttpCheck,
  target: ProbeTarget,
  { user, password }: HostRecord,
  { path, method }: { readonly path: string; readonly method: string },
): ClientRequest {
  const { hostname, port } = target;
  const options = {
    hostname,
    port,
    path,
    method,
    headers: { ...headers },
    // A connection of its own each time: to be able to make one is part of being well.
    agent: false,
    ...(credentials === true && (user || password) && { auth: `${user}:${password}` }),
  } as const;
  return target.secure ? secured({ ...options, ...tlsOptions(tls, target) }) : plain(options);
}
