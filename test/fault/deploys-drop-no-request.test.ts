import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Discovery, type Registration } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { collect } from "../support/collect.ts";

/** How long a host stays listed as draining. */
const drainMs = 700;

interface Instance {
  readonly discovery: Discovery;
  readonly registration: Registration;
  readonly server: Server;
}

test("hosts that drain before they go are replaced one after the other, and no request fails", async () => {
  await using etcd = await startEtcd();
  await using client = new Discovery({ endpoints: etcd.endpoints });
  const start = async (): Promise<Instance> => {
    const server = createServer((_, response) => setTimeout(() => response.end("yes"), 30));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const discovery = new Discovery({ endpoints: etcd.endpoints });
    const { port } = server.address() as AddressInfo;
    const registration = discovery.register("api", {
      hostname: "127.0.0.1",
      ports: { http: port },
    });
    await registration.waitRegistration();
    return { discovery, registration, server };
  };
  const stop = async ({ discovery, registration, server }: Instance): Promise<void> => {
    await registration.drain({ delayMs: drainMs });
    await discovery.close();
    server.close();
    await once(server, "close");
  };

  let instances: Instance[] = await Promise.all([start(), start(), start()]);
  const views = client.changes("api");
  await views.waitReady();
  const seen = collect(views, ({ hosts }) => hosts.filter(({ draining }) => !draining));
  await sleep(50);
  const failures: unknown[] = [];
  let answered = 0;
  const ask = async (url: string): Promise<void> => {
    try {
      const answer = await fetch(url, { headers: { connection: "close" } });
      expect(await answer.text()).toBe("yes");
      answered += 1;
    } catch (error) {
      failures.push(error);
    }
  };
  const fail = (error: unknown): void => void failures.push(error);
  const over = new AbortController();
  const requesting = (async () => {
    const underWay: Promise<void>[] = [];
    for (let i = 0; !over.signal.aborted; i += 1) {
      // By a lookup, and by what a follower knows.
      underWay.push(client.get("api").url("http", "/").then(ask, fail));
      const hosts = seen.items.at(-1) ?? [];
      underWay.push(ask(hosts[i % hosts.length]?.url("http", "/") ?? "no host"));
      await sleep(10);
    }
    await Promise.all(underWay);
  })();

  for (const old of instances) {
    const replacement = await start();
    await stop(old);
    instances = [...instances.filter((each) => each !== old), replacement];
  }
  over.abort();
  await requesting;
  for (const instance of instances) await stop(instance);
  console.log(`${answered} requests were answered through 3 replacements`);
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(30);
});
