import { Discovery, type LiveOptions } from "../../src/index.ts";
import { ServiceClient, type ServiceClientOptions } from "../../src/integrations/fetch/index.ts";
import { type MemoryStore, memoryStore } from "../../src/testing/index.ts";
import { eventually } from "./eventually.ts";
import { type HttpHost, type HttpHostOptions, startHost } from "./http-host.ts";

/** Hosts of the service `api` on a store in this process, and a client of it. */
export interface ServiceStage extends AsyncDisposable {
  readonly store: MemoryStore;
  readonly discovery: Discovery;
  readonly client: ServiceClient;
  readonly pool: ReturnType<Discovery["live"]>;

  /** Starts a host; resolves when the client's pool knows it. */
  start(options?: HttpHostOptions): Promise<HttpHost>;
}

/**
 * Everything is closed at the end, and the client before its hosts. The pool is given by hand, so that
 * tests see what it thinks of its hosts.
 */
export async function serviceStage(
  options: Omit<ServiceClientOptions, "discovery" | "pools"> = {},
  live: LiveOptions = {},
): Promise<ServiceStage> {
  const store = memoryStore();
  const discovery = new Discovery({ store });
  const pool = discovery.live("api", live);
  await pool.waitReady();
  const client = new ServiceClient({ ...options, discovery, pools: { api: pool } });
  const hosts: HttpHost[] = [];
  return {
    ...{ store, discovery, client, pool },
    async start(host) {
      const started = await startHost(discovery, "api", host);
      hosts.push(started);
      const { uuid } = started.registration;
      await eventually(() => pool.hosts.some((each) => each.uuid === uuid));
      return started;
    },
    async [Symbol.asyncDispose]() {
      await client.close();
      for (const host of hosts) await host[Symbol.asyncDispose]();
      await discovery.close();
    },
  };
}
