import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServiceError } from "@grpc/grpc-js";
import { afterEach, expect, inject, test } from "vitest";
import { registerEtcdResolver } from "../../src/integrations/grpc/index.ts";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { type Child, runChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { grpcPrelude, startGrpcProcess } from "../support/grpc-process.ts";
import { failureOf, tallyOf, type WhoClient, whoClient } from "../support/grpc-service.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

/** A client of this process, and servers in processes of their own. */
async function makeFleet(etcd: string, names: readonly string[]) {
  const env = { ETCD_HOSTS: etcd, ETCD_PREFIX: `/grpc-${randomUUID()}` };
  const discovery = new Discovery({ endpoints: [etcd], prefix: env.ETCD_PREFIX });
  undo.push(() => discovery.close(), registerEtcdResolver(discovery));
  const client = whoClient("etcd:///api");
  undo.push(() => client[Symbol.dispose]());
  const start = async (name: string, options?: Parameters<typeof startGrpcProcess>[2]) => {
    const child = await startGrpcProcess(name, env, options);
    undo.push(() => child[Symbol.asyncDispose]());
    return child;
  };
  const children = await Promise.all(names.map((name) => start(name)));
  await eventually(
    async () => expect(Object.keys(await tallyOf(client, 2 * names.length)).sort()).toEqual(names),
    30_000,
  );
  return { client, children, discovery, env, start };
}

const notTold =
  /^etcd:\/\/\/api: etcd has not told the hosts of "api" within 5000 ms: .*127\.0\.0\.1:1/;

/** How many calls are under way all the time. */
const width = 8;

/** Calls all the time, until it is told to stop. */
class Load {
  readonly failures: ServiceError[] = [];
  readonly answers = new Map<string, number>();
  readonly #workers: Promise<void>[];
  #over = false;

  constructor(client: WhoClient, deadlineMs = 20_000) {
    this.#workers = Array.from({ length: width }, async () => {
      while (!this.#over) {
        try {
          const name = await client.who({ deadlineMs });
          this.answers.set(name, (this.answers.get(name) ?? 0) + 1);
        } catch (error) {
          this.failures.push(error as ServiceError);
        }
        await sleep(5);
      }
    });
  }

  get answered(): number {
    return [...this.answers.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Waits for so many more answers, by somebody or by anybody. */
  async more(count: number, name?: string): Promise<void> {
    const now = () => (name === undefined ? this.answered : (this.answers.get(name) ?? 0));
    const before = now();
    await eventually(() => now() >= before + count, 60_000, 20);
  }

  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all(this.#workers);
  }
}

async function terminated(child: Child): Promise<void> {
  child.kill("SIGTERM");
  expect(await child.exit).toEqual({ code: null, signal: "SIGTERM", stderr: "" });
}

test("servers that leave on SIGTERM fail no call, one alone and all after one another", async () => {
  const { client, children, start } = await makeFleet(inject("etcd"), ["one", "three", "two"]);
  const load = new Load(client);
  await load.more(100);
  const [first, ...others] = children;
  if (first !== undefined) await terminated(first);
  const one = load.answers.get("one");
  await load.more(100);
  expect(load.answers.get("one")).toBe(one);
  for (const [index, child] of others.entries()) {
    await start(`new ${index}`);
    await terminated(child);
  }
  await load.more(50, "new 0");
  await load.more(50, "new 1");
  await load.stop();
  expect(load.failures).toEqual([]);
}, 120_000);

test("a server that is killed fails the calls that it had, and none after them, though it is still registered", async () => {
  const { client, children, discovery } = await makeFleet(inject("etcd"), ["one", "three", "two"]);
  const load = new Load(client);
  await load.more(100);
  children[0]?.kill("SIGKILL");
  await children[0]?.exit;
  await load.more(100);
  const failed = load.failures.length;
  expect(failed).toBeLessThanOrEqual(width);
  await load.more(300);
  await load.stop();
  expect(load.failures).toHaveLength(failed);
  expect(await discovery.get("api").all()).toHaveLength(3);
}, 120_000);

test("a server that hangs fails calls until they say so, and is called again when it works again", async () => {
  const { client, children } = await makeFleet(inject("etcd"), ["one", "three", "two"]);
  const load = new Load(client, 2_000);
  await load.more(100);
  children[0]?.kill("SIGSTOP");
  await eventually(() => load.failures.length >= 5, 30_000, 20);
  // Those that were under way when it was found out, and two trials, end in this time.
  await sleep(6_000);
  expect(load.failures.length).toBeLessThanOrEqual(5 + width + 2);
  children[0]?.kill("SIGCONT");
  await load.more(10, "one");
  await load.stop();
}, 120_000);

test("when all servers are gone calls fail at once, and go on when there is one again", async () => {
  const { client, children, start } = await makeFleet(inject("etcd"), ["one", "two"]);
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map(({ exit }) => exit));
  const details = await eventually(async () => {
    const failure = await failureOf(client.who());
    expect(failure.code).toBe(14);
    expect(failure.details).toContain("no connection to any of 2 hosts");
    return failure.details;
  });
  expect(details).toContain("ECONNREFUSED");
  await start("back");
  await eventually(async () => expect(await client.who()).toBe("back"), 10_000);
}, 120_000);

test("without etcd calls go on, and hosts are followed again when it is back", async () => {
  await using etcd = await startEtcd();
  const { client, children, start } = await makeFleet(etcd.endpoint, ["one", "two"]);
  const load = new Load(client);
  await load.more(50);
  await etcd.kill();
  await load.more(300);
  await etcd.restart();
  await start("three");
  await load.more(50, "three");
  if (children[0] !== undefined) await terminated(children[0]);
  await load.stop();
  expect(load.failures).toEqual([]);
}, 120_000);

test("a client keeps no process alive, closed or not, and a call only until it has ended", async () => {
  const { env } = await makeFleet(inject("etcd"), ["one"]);
  const call = `
    ${grpcPrelude}
    registerEtcdResolver();
    const client = new grpc.Client("etcd:///api", grpc.credentials.createInsecure(), { "grpc.enable_http_proxy": 0 });
    client.makeUnaryRequest(who.path, bytes, String, "?", (error, answer) => say({ answer: answer ?? error.details }));
  `;
  await using child = await runChild(call, { env });
  expect(await child.exit).toEqual({ code: 0, signal: null, stderr: "" });
  expect(child.said).toEqual([{ answer: "one" }]);

  // Without etcd, the wait for the hosts ends with the time for it.
  await using lonely = await runChild(call, { env: { ETCD_HOSTS: "http://127.0.0.1:1" } });
  expect(await lonely.exit).toEqual({ code: 0, signal: null, stderr: "" });
  expect(lonely.said).toEqual([{ answer: expect.stringMatching(notTold) as unknown }]);
}, 120_000);
