import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type RegistrationState } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { witness } from "../support/witness.ts";

const ttlSeconds = 2;
const ttlMs = ttlSeconds * 1_000;

/** After waking, a registration must be back within this time. */
const backMs = 1_000;

let etcd: EtcdCluster;
let raw: RawEtcdV2;
let observer: Discovery;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
  observer = new Discovery({ api: 2, endpoints: etcd.endpoints });
});
afterAll(async () => {
  await observer.close();
  await etcd.stop();
});

interface Said {
  readonly uuid?: string;
  readonly tookMs?: number;
  readonly state?: RegistrationState;
  readonly woken?: RegistrationState;
  readonly afterMs?: number;
}

/** Runs a process that registers itself, and follows it from outside. */
async function world(service: string) {
  const seen = witness(observer, service);
  await seen.ready();
  const child = await runChild(
    `
    let wokenAt = performance.now();
    const discovery = new Discovery({ ttlSeconds: ${ttlSeconds}, timeoutMs: 1_000 });
    const registration = discovery.register(${JSON.stringify(service)}, {
      privateHostname: "node.internal.dev", ports: { http: 80 },
    });
    await registration.waitRegistration();
    registration.on("state", (state) => say({ state, afterMs: performance.now() - wokenAt }));
    say({ uuid: registration.uuid, tookMs: performance.now() - wokenAt });
    for (;;) {
      const word = await told();
      if (word === "end") break;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${2 * ttlMs});
      wokenAt = performance.now();
      say({ woken: registration.state });
    }
    await discovery.close();
    `,
    { env: { ETCD_HOSTS: etcd.endpoint, ETCD_API: "2" } },
  );
  const { uuid = "", tookMs = 0 } = await child.heard<Said>((said) => said.uuid !== undefined);
  await eventually(() => expect(seen.told).toEqual([`up ${uuid}`]));
  return {
    child,
    record: () => raw.get(`/services/${service}/${uuid}`),
    told: () => seen.told.map((event) => event.replace(uuid, "it")),
    /** What this machine needs for a registration is not its fault. */
    withinMs: backMs + tookMs,
    async goHome() {
      child.tell("end");
      expect(await child.exit).toEqual({ code: 0, signal: null, stderr: "" });
      seen.check();
    },
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await seen[Symbol.asyncDispose]();
    },
  };
}

describe.concurrent("a process on etcd's v2 API", () => {
  test("whose event loop was blocked for twice its TTL is registered again within a second of waking", async () => {
    await using it = await world("blocked");
    it.child.tell("block");
    const { woken } = await it.child.heard<Said>((said) => said.woken !== undefined);
    // Nobody had a turn yet, and still it does not claim to be where it is not.
    expect(woken).toBe("lost");
    const back = await it.child.heard<Said>(({ state }) => state === "registered");
    expect(back.afterMs).toBeLessThan(it.withinMs);
    expect((await it.record())?.ttl).toBeGreaterThan(0);
    await eventually(() => expect(it.told()).toEqual(["up it", "down it expired", "up it"]));
    await it.goHome();
  });

  test("that was stopped for twice its TTL is registered again within a second of going on", async () => {
    await using it = await world("stopped");
    it.child.kill("SIGSTOP");
    const gone = eventually(async () => (await it.record()) === undefined, 3 * ttlMs);
    await Promise.all([sleep(2 * ttlMs), gone]);
    const wokenAt = performance.now();
    it.child.kill("SIGCONT");
    await eventually(async () => (await it.record()) !== undefined);
    expect(performance.now() - wokenAt).toBeLessThan(it.withinMs);
    await eventually(() => expect(it.told()).toEqual(["up it", "down it expired", "up it"]));
    await it.goHome();
  });
});
