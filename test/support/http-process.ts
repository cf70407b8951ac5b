import { type Child, runChild } from "./child.ts";

/** A process of its own that is a host of the service `api`. */
export interface HttpProcess extends Child {
  readonly port: number;
  readonly uuid: string;
}

/** Starts one. It answers each request after some milliseconds with its port. */
export async function startHttpProcess(
  endpoint: string,
  prefix: string,
  { ttlSeconds = 5 }: { readonly ttlSeconds?: number } = {},
): Promise<HttpProcess> {
  const child = await runChild(
    `
    import { createServer } from "node:http";
    const server = createServer((request, response) => {
      request.resume();
      setTimeout(() => response.end(String(server.address().port)), 10 + 20 * Math.random());
    });
    server.listen(0, "127.0.0.1", async () => {
      const { port } = server.address();
      const discovery = new Discovery({ ttlSeconds: ${ttlSeconds} });
      const host = { hostname: "127.0.0.1", ports: { http: port } };
      const registration = discovery.register("api", host);
      await registration.waitRegistration();
      say({ port, uuid: registration.uuid });
    });
    `,
    { env: { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix } },
  );
  const { port, uuid } = await child.heard<{ port: number; uuid: string }>(
    (said) => "port" in said,
  );
  return Object.assign(child, { port, uuid });
}
