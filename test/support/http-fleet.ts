import { randomUUID } from "node:crypto";
import { Discovery, type LiveOptions } from "../../src/index.ts";
import { ServiceClient, type ServiceClientOptions } from "../../src/integrations/fetch/index.ts";
import { eventually } from "./eventually.ts";
import { type HttpLoad, httpLoad } from "./http-load.ts";
import { type HttpProcess, startHttpProcess } from "./http-process.ts";
import { type UndiciTraffic, undiciTraffic } from "./undici-traffic.ts";

/** Three processes that are hosts of one service, and requests to it without a pause. */
export interface HttpFleet extends AsyncDisposable {
  readonly hosts: readonly HttpProcess[];
  readonly pool: ReturnType<Discovery["live"]>;
  readonly client: ServiceClient;
  readonly load: HttpLoad;

  /** What went on with a host since the fleet was started. */
  traffic(host: HttpProcess): UndiciTraffic;

  /** Starts one more. */
  start(): Promise<HttpProcess>;

  /** Waits until exactly these have answered for a while. */
  answersFrom(hosts: readonly HttpProcess[]): Promise<void>;
}

export interface HttpFleetOptions {
  readonly live?: LiveOptions | undefined;
  readonly client?: ServiceClientOptions | undefined;

  /** Requests under way. Default: 12. */
  readonly width?: number | undefined;
}

/** So many answers in a row show who answers. */
const enoughAnswers = 100;

export async function startHttpFleet(
  endpoint: string,
  { live, client: options, width = 12 }: HttpFleetOptions = {},
): Promise<HttpFleet> {
  const prefix = `/fleet-${randomUUID()}`;
  const hosts: HttpProcess[] = [];
  const traffic = new Map<HttpProcess, UndiciTraffic>();
  const start = async (): Promise<HttpProcess> => {
    const host = await startHttpProcess(endpoint, prefix);
    hosts.push(host);
    traffic.set(host, undiciTraffic(host.port));
    return host;
  };
  await Promise.all([start(), start(), start()]);
  const discovery = new Discovery({ endpoints: [endpoint], prefix });
  const pool = discovery.live("api", live);
  await eventually(() => pool.hosts.length === hosts.length, 10_000);
  const client = new ServiceClient({ ...options, pools: { api: pool } });
  const ask = async () => (await client.fetch("http://api.discovery/")).text();
  const load = httpLoad(width, ask);
  return {
    ...{ hosts, pool, client, load, start },
    traffic: (host) => traffic.get(host) ?? undiciTraffic(host.port),
    async answersFrom(expected) {
      const ports = new Set(expected.map(({ port }) => String(port)));
      let from = load.taken.length;
      await eventually(
        () => {
          const recent = load.taken.slice(from);
          if (recent.some(({ by }) => !ports.has(by))) from = load.taken.length;
          return (
            recent.length >= enoughAnswers &&
            new Set(recent.map(({ by }) => by)).size === ports.size
          );
        },
        20_000,
        10,
      );
    },
    async [Symbol.asyncDispose]() {
      await load.stop();
      await client.close();
      await discovery.close();
      for (const host of hosts) {
        traffic.get(host)?.[Symbol.dispose]();
        await host[Symbol.asyncDispose]();
      }
    },
  };
}
