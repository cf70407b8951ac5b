import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "vitest";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { type Child, runChild } from "./child.ts";
import { eventually } from "./eventually.ts";
import { RawEtcd } from "./raw-etcd.ts";
import { requests } from "./requests.ts";

/** Many clients in a few processes, each with a connection, a registration and a service that it follows. */
export interface Fleet extends AsyncDisposable {
  readonly size: number;

  /** Waits until all of them are registered, as etcd says. */
  registered(withinMs?: number): Promise<void>;

  /** What they log as warnings, and which hosts they were told went. */
  complaints(): Promise<{ readonly warnings: number; readonly downs: number }>;
}

/** A whole fleet on one machine is slow, which is not to end its leases. */
const ttlSeconds = 30;

/** How many clients share a service, so that each follows that many hosts. */
const perService = 10;

const script = (endpoint: string, first: number, count: number): string => `
  // Not to outlive the test, however that ends.
  process.stdin.on("end", () => process.exit()).resume();
  let warnings = 0, downs = 0;
  const logger = { debug() {}, info() {}, warn() { warnings += 1 }, error(message) { say(message) } };
  const start = (i) => {
    const service = "service-" + Math.floor((${first} + i) / ${perService});
    const discovery = new Discovery({ endpoints: [${JSON.stringify(endpoint)}], timeoutMs: 30_000, ttlSeconds: ${ttlSeconds}, logger });
    const registration = discovery.register(service, { hostname: "node-" + i, ports: { http: 80 } });
    const gone = discovery.subscribeDown(service);
    (async () => { for await (const _ of gone) downs += 1; })();
    return Promise.all([registration.waitRegistration(), gone.waitReady()]);
  };
  // A few at a time: how they start is not what is looked at.
  for (let i = 0; i < ${count}; i += 20) {
    await Promise.all(Array.from({ length: Math.min(20, ${count} - i) }, (_, j) => start(i + j)));
    say({ started: i });
  }
  say({ ready: ${count} });
  for (let i = 0; await told() === "report"; i += 1) say({ report: i, warnings, downs });
  process.kill(process.pid, "SIGKILL");
`;

export async function startFleet(
  etcd: EtcdCluster,
  endpoint: string,
  { size, processes }: { readonly size: number; readonly processes: number },
): Promise<Fleet> {
  const count = size / processes;
  const children = await Promise.all(
    Array.from({ length: processes }, (_, i) => runChild(script(endpoint, i * count, count))),
  );
  const isReady = (said: { readonly ready?: number }): boolean => said.ready === count;
  const stop = async (): Promise<void> => {
    await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
  };
  try {
    await Promise.all(children.map((child) => child.heard(isReady, 120_000)));
  } catch (error) {
    await stop();
    throw error;
  }
  let reports = 0;
  const raw = new RawEtcd(etcd);
  return {
    size,
    async registered(withinMs) {
      await eventually(async () => {
        expect((await raw.list("/services/")).size).toBe(size);
      }, withinMs);
    },
    async complaints() {
      const index = reports;
      reports += 1;
      const all = await Promise.all(children.map((child) => reportOf(child, index)));
      return {
        warnings: all.reduce((sum, { warnings }) => sum + warnings, 0),
        downs: all.reduce((sum, { downs }) => sum + downs, 0),
      };
    },
    [Symbol.asyncDispose]: stop,
  };
}

interface Report {
  readonly report?: number;
  readonly warnings: number;
  readonly downs: number;
}

function reportOf(child: Child, index: number): Promise<Report> {
  child.tell("report");
  return child.heard<Report>(({ report }) => report === index, 30_000);
}

/** How much an ever growing count grew in each tenth of a second, for some seconds. */
export async function curveOf(
  count: () => number | Promise<number>,
  forMs: number,
): Promise<number[]> {
  const counts: number[] = [];
  const begunAt = performance.now();
  let last = await count();
  for (let tenth = 1; tenth * 100 <= forMs; tenth += 1) {
    await sleep(begunAt + tenth * 100 - performance.now());
    const now = await count();
    counts.push(now - last);
    last = now;
  }
  return counts;
}

/** All requests that etcd has begun to serve; 0 while it does not serve. */
export async function requestsSoFar(etcd: EtcdCluster): Promise<number> {
  try {
    return Object.values(await requests(etcd)).reduce((sum, count) => sum + count, 0);
  } catch {
    return 0;
  }
}

/** A curve to be looked at. */
export function drawn(curve: readonly number[], unit: string): string {
  const most = Math.max(...curve, 1);
  return curve
    .map((count, tenth) => {
      const bar = "#".repeat(Math.round((count / most) * 60));
      return `${String(tenth * 100).padStart(6)} ms ${String(count).padStart(5)} ${unit} ${bar}`;
    })
    .join("\n");
}
