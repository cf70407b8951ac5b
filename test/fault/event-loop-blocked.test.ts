import { randomUUID } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, inject, test } from "vitest";
import { Discovery, type Health, type RegistrationState } from "../../src/index.ts";
import { runChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness } from "../support/witness.ts";

const ttlSeconds = 2;
const ttlMs = ttlSeconds * 1_000;

/** After waking, a registration must be back within this time. */
const backMs = 1_000;

const prefix = `/blocked-${randomUUID()}`;
const raw = RawEtcd.at(inject("etcd"));
const observer = new Discovery({ endpoints: [inject("etcd")], prefix });
afterAll(() => observer.close());

/**
 * What each process does first: registers, follows its own service, and tells what it sees. It goes
 * on when it is seen from outside. With `block(ms)` it stands still.
 */
const begin = (service: string, ttlSeconds: number): string => `
  const woken = { at: 0 };
  const tell = (kind) => (fields) => say({ kind, afterMs: performance.now() - woken.at, ...fields });
  const logger = { debug: (message) => say({ kind: "log", message }), info() {}, warn() {}, error: tell("error") };
  const discovery = new Discovery({
    endpoints: [${JSON.stringify(inject("etcd"))}], prefix: ${JSON.stringify(prefix)},
    ttlSeconds: ${ttlSeconds}, timeoutMs: 1_000, logger,
  });
  const name = ${JSON.stringify(service)};
  const registration = discovery.register(name, { privateHostname: "node.internal.dev", ports: { http: 80 } });
  const block = (ms) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    woken.at = performance.now();
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const seconds = (s) => new Promise((resolve) => setTimeout(resolve, s * 1_000));
  const since = performance.now();
  await registration.waitRegistration();
  const registeredInMs = performance.now() - since;
  registration.on("state", (state) => tell("state")({ state }));
  const changes = discovery.changes(name);
  await changes.next();
  say({ kind: "ready", uuid: registration.uuid, registeredInMs });
  await told();
`;

/** The end of each process: gently, when it is told to. */
const end = `
  await told();
  say({ kind: "end", health: discovery.health() });
  await discovery.close();
`;

interface Said {
  readonly kind: string;
  readonly uuid?: string;
  readonly registeredInMs?: number;
  readonly state?: RegistrationState;
  readonly afterMs?: number;
  readonly message?: string;
  readonly health?: Health;
}

const is =
  (kind: string) =>
  (said: Said): boolean =>
    said.kind === kind;

const isState =
  (state: RegistrationState) =>
  (said: Said): boolean =>
    said.kind === "state" && said.state === state;

const troubles = (health: Health | undefined): unknown[] =>
  [health?.etcd, ...(health?.registrations ?? []), ...(health?.services ?? [])].flatMap(
    (part) => part?.lastError ?? [],
  );

/** Runs a process that registers itself, and follows it from outside. */
async function world(script: string, leaseSeconds = ttlSeconds) {
  const service = `service-${randomUUID()}`;
  const seen = witness(observer, service);
  const child = await runChild(begin(service, leaseSeconds) + script + end);
  const { uuid, registeredInMs = 0 } = await child.heard<Said>(is("ready"));
  const key = `${prefix}/services/${service}/${uuid}`;
  await eventually(() => expect(seen.told).toEqual([`up ${uuid}`]));
  const before = await raw.get(key);
  child.tell("go on");
  return {
    child,
    uuid,
    before,

    /** By when it must be back: what this machine and its etcd need for a registration is not its fault. */
    withinMs: backMs + registeredInMs,
    record: () => raw.get(key),
    told: () => seen.told.map((event) => event.replace(uuid ?? "", "it")),
    /** Lets it go home, and returns its last words. */
    async goHome(): Promise<Health> {
      child.tell("go home");
      const { health } = await child.heard<Said>(is("end"));
      expect(await child.exit).toEqual({ code: 0, signal: null, stderr: "" });
      expect((child.said as Said[]).filter(is("error"))).toEqual([]);
      seen.check();
      if (health === undefined) throw new Error("it said nothing of its health");
      return health;
    },
    async [Symbol.asyncDispose]() {
      await child[Symbol.asyncDispose]();
      await seen[Symbol.asyncDispose]();
    },
  };
}

describe.concurrent("a process", () => {
  test("whose event loop was blocked for twice its lease is registered again within a second of waking", async () => {
    await using it = await world(`
      const pending = Promise.allSettled([
        discovery.get(name).all(), registration.update({ metadata: { version: "2" } }),
      ]);
      await turn();
      block(${2 * ttlMs});
      say({ kind: "woken", state: registration.state, health: discovery.health() });
      for (const { reason } of await pending) if (reason) say({ kind: "error", message: String(reason) });
    `);
    const woken = await it.child.heard<Said>(is("woken"));
    // Nobody had a turn yet, and still it does not claim to be where it is not.
    expect(woken.state).toBe("lost");
    expect(woken.health?.registrations).toMatchObject([{ uuid: it.uuid, state: "lost" }]);
    expect(woken.health?.lease).toMatchObject({ ttlSeconds, remainingMs: 0 });
    const back = await it.child.heard<Said>(isState("registered"));
    console.log(`registered ${back.afterMs?.toFixed()} ms after waking`);
    expect(back.afterMs).toBeLessThan(it.withinMs);
    const record = await it.record();
    expect(record?.lease).not.toBe(it.before?.lease);
    expect(record?.value).toContain('"version":"2"');
    // What it sent before it was blocked, etcd had done, and its answer counts.
    await eventually(() =>
      expect(it.told()).toEqual(["up it", "update it", "down it expired", "up it"]),
    );
    const health = await it.goHome();
    expect(health).toMatchObject({ registrations: [{ state: "registered" }] });
    expect(health.stalls).toBeGreaterThanOrEqual(1);
    expect(troubles(health)).toEqual([]);
  });

  test("that was stopped for twice its lease is registered again within a second of going on", async () => {
    await using it = await world("");
    it.child.kill("SIGSTOP");
    await Promise.all([
      sleep(2 * ttlMs),
      eventually(async () => (await it.record()) === undefined, 3 * ttlMs),
    ]);
    expect(it.told()).toEqual(["up it", "down it expired"]);
    const wokenAt = performance.now();
    it.child.kill("SIGCONT");
    await eventually(async () => (await it.record()) !== undefined);
    const afterMs = performance.now() - wokenAt;
    console.log(`registered ${afterMs.toFixed()} ms after SIGCONT`);
    expect(afterMs).toBeLessThan(it.withinMs);
    await it.child.heard<Said>(isState("registered"));
    const states = (it.child.said as Said[]).filter(is("state")).map(({ state }) => state);
    expect(states).toEqual(["lost", "registered"]);
    await eventually(() => expect(it.told()).toEqual(["up it", "down it expired", "up it"]));
    expect((await it.goHome()).stalls).toBeGreaterThanOrEqual(1);
  });

  test("that is blocked most of the time, for a third of its lease each, keeps it", async () => {
    const script = `
      for (let round = 0; round < 4; round += 1) {
        block(1_500);
        await seconds(0.02);
        if (registration.state !== "registered") say({ kind: "error", message: registration.state });
      }
      say({ kind: "woken" });
    `;
    await using it = await world(script, 5);
    await it.child.heard<Said>(is("woken"));
    const health = await it.goHome();
    expect(health.lease?.remainingMs).toBeGreaterThan(0);
    expect(it.before).toBeDefined();
    const said = it.child.said as Said[];
    expect(said.filter(({ kind }) => kind === "log" || kind === "state")).toEqual([
      expect.objectContaining({ state: "closed" }),
    ]);
    await eventually(() =>
      expect(it.told()).toEqual(["up it", "update it", "down it unregistered"]),
    );
  });

  test("whose wall clock moves by an hour, there and back, does not notice", async () => {
    await using it = await world(`
      const { now } = Date;
      for (const hours of [1, -1, 0]) {
        Date.now = () => now() + hours * 3_600_000;
        say({ kind: "moved", health: discovery.health() });
        await seconds(${ttlSeconds / 2});
        await discovery.get(name).one();
        await registration.update({ weight: 2 + hours });
        say({ kind: "moved", health: discovery.health() });
      }
      say({ kind: "woken" });
    `);
    await it.child.heard<Said>(is("woken"));
    const moved = (it.child.said as Said[]).filter(is("moved")).map(({ health }) => health);
    expect(moved).toHaveLength(6);
    for (const health of moved) {
      expect(health).toMatchObject({
        etcd: { endpoint: inject("etcd") },
        registrations: [{ state: "registered" }],
        services: [{ source: "live", ageMs: 0, resyncs: 0 }],
      });
      expect(troubles(health)).toEqual([]);
      expect(health?.etcd.lastAnswerMs).toBeGreaterThanOrEqual(0);
      expect(health?.etcd.lastAnswerMs).toBeLessThan(ttlMs);
      expect(health?.lease?.remainingMs).toBeGreaterThan(0);
      expect(health?.lease?.remainingMs).toBeLessThanOrEqual(ttlMs);
    }
    expect((await it.record())?.lease).toBe(it.before?.lease);
    expect(it.told()).toEqual(["up it", "update it", "update it", "update it"]);
    await it.goHome();
  });
});

test("no source asks what time it is by the wall clock", () => {
  const folder = join(import.meta.dirname, "../../src");
  // What people are shown, and certificates, go by the time on the wall.
  const forPeople = /^(?:cli|dashboard|doctor)\//;
  const sources = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !forPeople.test(file),
  );
  expect(sources.length).toBeGreaterThan(50);
  const asking = sources.filter((file) =>
    /\bDate\b/.test(readFileSync(join(folder, file), "utf8")),
  );
  // The age of a snapshot, which outlives the process that wrote it, has no other measure.
  expect(asking).toEqual(["find/live/knowledge.ts", "find/live/snapshots.ts"]);
});
