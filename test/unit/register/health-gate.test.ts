import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import type { CheckContext, CheckTiming, HostOptions, Registration } from "../../../src/index.ts";
import { encodeHost } from "../../../src/model/record.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../../src/testing/index.ts";
import { type RecordingLogger, recordingLogger } from "../../support/recording-logger.ts";
import { recordsOf } from "../../support/records.ts";
import { reached, statesOf } from "../../support/registrations.ts";
import { unreliable } from "../../support/unreliable-store.ts";

const privateHost = { privateHostname: "10.0.0.1", ports: { http: 80 } };
const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "n1",
  public: true,
};

const intervalMs = 1_000;

/** As long as an interval is at most, whatever chance adds to it. */
const roundMs = 1_100;

let clock: ManualClock;
let store: MemoryStore;
let logger: RecordingLogger;
const open: Discovery[] = [];

beforeEach(() => {
  clock = manualClock();
  store = memoryStore({ clock });
  logger = recordingLogger();
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((discovery) => discovery.close()));
});

function discover(options: ConstructorParameters<typeof Discovery>[0] = {}): Discovery {
  const discovery = new Discovery({ store: store.connect(), logger, ...options });
  open.push(discovery);
  return discovery;
}

/** A check that says what the test wants, and a registration that has it. */
function checked(
  host: HostOptions = privateHost,
  timing: CheckTiming = {},
  discovery: Discovery = discover(),
) {
  const check = { well: true, times: 0 };
  const run = () => {
    check.times += 1;
    return check.well;
  };
  const options = { check: { type: "function", run, intervalMs, ...timing } } as const;
  return { check, discovery, registration: discovery.register("api", host, options) };
}

/** How many changes the store has seen. */
const revision = async () =>
  (await store.read("api", { info: false, hosts: [] }, { timeoutMs: 1_000 })).revision;

const uuids = async () => (await recordsOf(store, "api")).hosts.map(({ uuid }) => uuid);

/** Lets at least so many checks be made. */
async function rounds(count: number): Promise<void> {
  for (let round = 0; round < count; round += 1) await clock.advance(roundMs);
}

/** Lets exactly so many checks be made. */
async function checks({ check }: ReturnType<typeof checked>, count: number): Promise<void> {
  const target = check.times + count;
  while (check.times < target) await clock.advance(50);
}

/** Brings a registration with a check of {@link checked} to where it is withdrawn. */
async function fail(gate: ReturnType<typeof checked>): Promise<void> {
  const { check, registration } = gate;
  await clock.advance(0);
  expect(registration.state).toBe("registered");
  check.well = false;
  await checks(gate, 3);
  expect(registration.state).toBe("unhealthy");
}

describe("first of all", () => {
  test("a host is registered when its check succeeds first, and not before", async () => {
    const gate = checked();
    const { check, registration } = gate;
    check.well = false;
    let waited = false;
    const registered = registration.waitRegistration().then(() => (waited = true));
    await checks(gate, 20);
    expect([registration.state, registration.ready]).toEqual(["registering", false]);
    expect(registration.lastError).toMatchObject({ code: "UNAVAILABLE" });
    expect(registration.lastError?.message).toMatch(/failed 20 times in a row: it returned false/);
    expect(() => registration.credentials()).toThrow(/await waitRegistration/);
    expect(await recordsOf(store, "api")).toEqual({ info: undefined, hosts: [] });
    expect(waited).toBe(false);
    check.well = true;
    await checks(gate, 1);
    await registered;
    expect([registration.state, registration.ready]).toEqual(["registered", true]);
    expect(registration.lastError).toBeUndefined();
    expect(await uuids()).toEqual([registration.uuid]);
  });

  test("a check that succeeds at once costs no time", async () => {
    const registration = discover().register("api", privateHost, { check: () => true });
    await registration.waitRegistration();
    expect(clock.now()).toBe(0);
  });

  test("whoever waits for a host that ends before it was ever well is told why it was not", async () => {
    const { check, registration } = checked();
    check.well = false;
    await clock.advance(0);
    const waiting = registration.waitRegistration().catch((error: unknown) => error);
    await registration.unregister();
    expect(await waiting).toMatchObject({ code: "CLOSED", cause: { code: "UNAVAILABLE" } });
  });

  test("a newcomer's credentials are announced when it is well, and not before", async () => {
    const first = discover().register("api", { ...publicHost, user: "u", password: "first" });
    await first.waitRegistration();
    const { check, registration } = checked({ ...publicHost, user: "u", password: "second" });
    check.well = false;
    await rounds(2);
    expect((await recordsOf(store, "api")).info?.password).toBe("first");
    expect(first.credentials().password).toBe("first");
    await first.rotateCredentials({ user: "u", password: "rotated" });
    check.well = true;
    await rounds(2);
    expect((await recordsOf(store, "api")).info?.password).toBe("second");
    expect(first.credentials().password).toBe("second");
    expect(registration.credentials().password).toBe("second");
  });

  test("another host of the process that announces does not take a newcomer's credentials away", async () => {
    const discovery = discover();
    const gated = checked({ ...publicHost, user: "u", password: "gated" }, {}, discovery);
    gated.check.well = false;
    await clock.advance(0);
    const other = discovery.register("api", { ...publicHost, user: "u", password: "other" });
    await other.waitRegistration();
    gated.check.well = true;
    await rounds(2);
    expect((await recordsOf(store, "api")).info?.password).toBe("gated");
    expect(other.credentials().password).toBe("gated");
  });
});

describe("a host that fails", () => {
  test("is withdrawn after so many failures in a row, and comes back after so many successes, with its uuid", async () => {
    const gate = checked(privateHost, { fall: 4, rise: 3 });
    const { check, registration } = gate;
    await clock.advance(0);
    const states = statesOf(registration);
    check.well = false;
    await checks(gate, 3);
    check.well = true;
    await checks(gate, 1);
    check.well = false;
    await checks(gate, 3);
    expect(registration.state).toBe("registered");
    expect(registration.lastError).toBeUndefined();
    await checks(gate, 1);
    expect([registration.state, registration.ready]).toEqual(["unhealthy", true]);
    expect(await uuids()).toEqual([]);
    check.well = true;
    await checks(gate, 2);
    check.well = false;
    await checks(gate, 1);
    check.well = true;
    await checks(gate, 2);
    expect(registration.state).toBe("unhealthy");
    expect(await uuids()).toEqual([]);
    await checks(gate, 1);
    expect(registration.state).toBe("registered");
    expect(await uuids()).toEqual([registration.uuid]);
    expect(states).toEqual(["unhealthy", "registered"]);
    expect(registration.lastError).toBeUndefined();
  });

  test("is told to followers as unregistered, and then as new, the very same host", async () => {
    const events = discover().subscribe("api");
    await events.waitReady();
    const gate = checked({ ...privateHost, weight: 7 });
    await clock.advance(0);
    expect((await events.next()).value).toMatchObject({ type: "up" });
    const told = [];
    await fail(gate);
    told.push((await events.next()).value);
    gate.check.well = true;
    await rounds(2);
    told.push((await events.next()).value);
    const { uuid } = gate.registration;
    // Draining and gone are merged to one event, for whoever did not read in between.
    expect(told).toMatchObject([
      { type: "down", reason: "unregistered", host: { uuid } },
      { type: "up", host: { uuid, weight: 7, draining: false } },
    ]);
    await events.return?.();
  });

  test("says so in health(), and in the log once each way", async () => {
    const gate = checked();
    await fail(gate);
    await checks(gate, 5);
    expect(gate.discovery.health().registrations).toEqual([
      {
        service: "api",
        uuid: gate.registration.uuid,
        state: "unhealthy",
        driftRepaired: 0,
        lastError: {
          code: "UNAVAILABLE",
          message: expect.stringMatching(/failed 8 times in a row/) as string,
        },
      },
    ]);
    gate.check.well = true;
    await rounds(2);
    const said = logger.lines.filter(({ level }) => level === "warn" || level === "info");
    expect(said.map(({ message }) => message)).toEqual([
      "a host is not well, and withdrawn",
      "a host is well again, and put back",
    ]);
  });

  test("does not wake the store while nothing changes", async () => {
    const gate = checked();
    await fail(gate);
    const before = await revision();
    await rounds(30);
    expect(await revision()).toBe(before);
  });

  test("stays withdrawn when the session is lost, and needs none to come back", async () => {
    const gate = checked();
    await fail(gate);
    store.revokeSessions();
    await rounds(2);
    expect(gate.registration.state).toBe("unhealthy");
    expect(gate.registration.lastError?.message).toMatch(/health check/);
    gate.check.well = true;
    await rounds(2);
    expect(gate.registration.state).toBe("registered");
    expect(await uuids()).toEqual([gate.registration.uuid]);
  });

  test("does not take the others of its process along", async () => {
    const discovery = discover();
    const other = discovery.register("api", { ...privateHost, privateHostname: "10.0.0.2" });
    const gate = checked(privateHost, {}, discovery);
    await fail(gate);
    expect(await uuids()).toEqual([other.uuid]);
    expect(other.state).toBe("registered");
  });

  test("stays off, whoever puts its record there", async () => {
    const gate = checked();
    await clock.advance(0);
    const [record] = (await recordsOf(store, "api")).hosts;
    if (record === undefined) throw new Error("the host is not there");
    await fail(gate);
    for (const weight of [2, 3]) {
      store.put("api", { kind: "host", id: record.uuid }, encodeHost({ ...record, weight }));
      expect(await uuids()).toEqual([record.uuid]);
      await clock.advance(0);
      expect(await uuids()).toEqual([]);
    }
    expect(gate.registration.state).toBe("unhealthy");
    gate.check.well = true;
    await rounds(2);
    expect((await recordsOf(store, "api")).hosts).toEqual([record]);
  });

  test("stays off also when the store is replaced by one that has it", async () => {
    const gate = checked();
    await clock.advance(0);
    const [record] = (await recordsOf(store, "api")).hosts;
    if (record === undefined) throw new Error("the host is not there");
    await fail(gate);
    store.wipe();
    store.put("api", { kind: "host", id: record.uuid }, encodeHost(record));
    await rounds(3);
    expect(gate.registration.state).toBe("unhealthy");
    expect(await uuids()).toEqual([]);
  });

  test("touches its service's info when it comes back, so that no private host takes its place meanwhile", async () => {
    const gate = checked(publicHost);
    await fail(gate);
    gate.check.well = true;
    await checks(gate, 2);
    const selection = { info: true, hosts: "all" } as const;
    const { info, hosts } = await store.read("api", selection, { timeoutMs: 1_000 });
    expect(hosts.map(({ revision }) => revision)).toEqual([info?.revision]);
  });

  test("is put back after the store was replaced while it was not well", async () => {
    const gate = checked(publicHost);
    await fail(gate);
    store.wipe();
    await rounds(5);
    expect(await recordsOf(store, "api")).toEqual({ info: undefined, hosts: [] });
    gate.check.well = true;
    await rounds(2);
    expect(await recordsOf(store, "api")).toMatchObject({
      info: { public: true, hostname: "public-domain.dev" },
      hosts: [{ uuid: gate.registration.uuid }],
    });
  });
});

describe("while the store is away", () => {
  test.each([true, "silent"] as const)(
    "(%s) a host that fails goes once it is back",
    async (how) => {
      const gate = checked();
      await clock.advance(0);
      const states = statesOf(gate.registration);
      store.outage(how);
      gate.check.well = false;
      await rounds(3);
      // Past the end of the session.
      await rounds(8);
      expect(gate.registration.state).toBe("unhealthy");
      expect(gate.registration.lastError?.message).toMatch(/health check/);
      expect(states).toEqual(["unhealthy"]);
      store.outage(false);
      await rounds(8);
      expect(gate.registration.state).toBe("unhealthy");
      expect(await uuids()).toEqual([]);
      gate.check.well = true;
      await rounds(3);
      expect(gate.registration.state).toBe("registered");
      expect(await uuids()).toEqual([gate.registration.uuid]);
      expect((await recordsOf(store, "api")).hosts[0]?.draining).toBe(false);
    },
  );

  test.each([true, "silent"] as const)(
    "(%s) a host that is well again before it could be withdrawn stays as it was",
    async (how) => {
      const gate = checked(privateHost, { intervalMs: 100 }, discover({ ttlSeconds: 60 }));
      await clock.advance(0);
      store.outage(how);
      gate.check.well = false;
      await clock.advance(600);
      expect(gate.registration.state).toBe("unhealthy");
      gate.check.well = true;
      await clock.advance(600);
      expect(gate.registration.lastError?.message ?? "").not.toMatch(/health check/);
      store.outage(false);
      await rounds(8);
      expect(gate.registration.state).toBe("registered");
      const { hosts } = await recordsOf(store, "api");
      expect(hosts).toMatchObject([{ uuid: gate.registration.uuid, draining: false }]);
    },
  );

  test("its own mark as leaving, which got no answer, is not taken for an operator's order", async () => {
    const way = unreliable(store.connect(), clock);
    const gate = checked(privateHost, {}, discover({ store: way }));
    await clock.advance(0);
    way.fate = ({ changes }) =>
      changes.some(({ kind }) => kind === "delete-host") ? "lost" : "unanswered";
    const states = statesOf(gate.registration);
    gate.check.well = false;
    await checks(gate, 3);
    expect(await recordsOf(store, "api")).toMatchObject({ hosts: [{ draining: true }] });
    gate.check.well = true;
    way.fate = "lost";
    await checks(gate, 3);
    expect(gate.registration.state).toBe("lost");
    way.fate = "answered";
    await rounds(3);
    expect(await recordsOf(store, "api")).toMatchObject({ hosts: [{ draining: false }] });
    expect(gate.registration.state).toBe("registered");
    expect(states).not.toContain("draining");
  });

  test("its own deletion, which got no answer, is no news when it comes back", async () => {
    const way = unreliable(store.connect(), clock);
    const gate = checked(privateHost, {}, discover({ store: way }));
    await clock.advance(0);
    way.fate = ({ changes }) =>
      changes.some(({ kind }) => kind === "delete-host") ? "unanswered" : "answered";
    const states = statesOf(gate.registration);
    gate.check.well = false;
    await checks(gate, 3);
    expect(await uuids()).toEqual([]);
    gate.check.well = true;
    await checks(gate, 2);
    await rounds(2);
    way.fate = "answered";
    expect(states).toEqual(["unhealthy", "registered"]);
    expect(logger.text()).not.toMatch(/was deleted/);
  });

  test("its own mark as leaving, answered when it is well again, does not make it leave", async () => {
    const way = unreliable(store.connect(), clock);
    const gate = checked(privateHost, { intervalMs: 500, fall: 1 }, discover({ store: way }));
    await clock.advance(0);
    const states = statesOf(gate.registration);
    way.fate = "slow";
    gate.check.well = false;
    await checks(gate, 1);
    gate.check.well = true;
    await checks(gate, 2);
    way.fate = "answered";
    await clock.advance(5_000);
    expect(states).toEqual(["unhealthy", "registered"]);
    expect(await recordsOf(store, "api")).toMatchObject({ hosts: [{ draining: false }] });
  });

  test("a write that is carried out late does not bring it back", async () => {
    const way = unreliable(store.connect(), clock);
    const gate = checked(privateHost, { intervalMs: 100 }, discover({ store: way }));
    await clock.advance(0);
    way.fate = "late";
    const updated = gate.registration.update({ weight: 3 });
    await clock.advance(10);
    way.fate = "answered";
    gate.check.well = false;
    await checks(gate, 3);
    await updated;
    expect(await uuids()).toEqual([]);
    const before = await revision();
    await clock.advance(10_000);
    // Not even for a moment.
    expect(await revision()).toBe(before);
    expect(await uuids()).toEqual([]);
  });

  test("a first write that is carried out late does not leave it there", async () => {
    const way = unreliable(store.connect(), clock);
    const gate = checked(privateHost, { intervalMs: 100, fall: 1 }, discover({ store: way }));
    way.fate = "late";
    await clock.advance(10);
    way.fate = "answered";
    gate.check.well = false;
    await checks(gate, 1);
    const before = await revision();
    await clock.advance(10_000);
    expect(await revision()).toBeGreaterThan(before);
    expect(await uuids()).toEqual([]);
  });

  test("one that is well again, and cannot be put back, is lost for that reason", async () => {
    const gate = checked();
    await fail(gate);
    store.outage(true);
    gate.check.well = true;
    await rounds(8);
    expect(gate.registration.state).toBe("lost");
    expect(gate.registration.lastError?.message).not.toMatch(/health check/);
    store.outage(false);
    await rounds(2);
    expect(gate.registration.state).toBe("registered");
  });
});

describe("what is asked of a host while it is withdrawn", () => {
  test("an update is taken at once, and is there when the host comes back", async () => {
    const gate = checked(publicHost);
    await fail(gate);
    await gate.registration.update({ weight: 3, hostname: "other.dev" });
    expect((await recordsOf(store, "api")).hosts).toEqual([]);
    gate.check.well = true;
    await rounds(2);
    expect(await recordsOf(store, "api")).toMatchObject({
      info: { hostname: "other.dev" },
      hosts: [{ weight: 3, hostname: "other.dev" }],
    });
  });

  test("an update that waits for the store does not wait for the check", async () => {
    const gate = checked(privateHost, { intervalMs: 100 });
    await clock.advance(0);
    store.outage("silent");
    const updated = gate.registration.update({ weight: 3 });
    gate.check.well = false;
    await clock.advance(600);
    await updated;
    expect(gate.registration.state).toBe("unhealthy");
    store.outage(false);
    await clock.advance(10_000);
    expect(await uuids()).toEqual([]);
  });

  test("its info stays, as its service may have other hosts", async () => {
    const gate = checked({ ...publicHost, user: "u", password: "secret" });
    await fail(gate);
    expect(await recordsOf(store, "api")).toMatchObject({
      info: { public: true, hostname: "public-domain.dev", password: "secret" },
      hosts: [],
    });
  });

  test("credentials that others change are taken and told at once", async () => {
    const gate = checked({ ...publicHost, user: "u", password: "old" });
    await fail(gate);
    const told: string[] = [];
    gate.registration.on("credentials", ({ password }) => told.push(password));
    const other = discover().register("api", { ...publicHost, user: "u", password: "new" });
    await other.waitRegistration();
    await clock.advance(1_000);
    expect(told).toEqual(["new"]);
    expect(gate.registration.credentials()).toEqual({ user: "u", password: "new" });
    gate.check.well = true;
    await rounds(3);
    const { info, hosts } = await recordsOf(store, "api");
    expect([info, ...hosts].map((record) => record?.password)).toEqual(["new", "new", "new"]);
    expect(told).toEqual(["new"]);
  });

  test("its own rotation reaches the service", async () => {
    const gate = checked({ ...publicHost, user: "u", password: "old" });
    const other = discover().register("api", { ...publicHost, hostname: "other.dev" });
    await clock.advance(1_000);
    await fail(gate);
    await gate.registration.rotateCredentials({ user: "u", password: "new" });
    expect(gate.registration.credentials().password).toBe("new");
    await clock.advance(1_000);
    expect(other.credentials().password).toBe("new");
    expect(await recordsOf(store, "api")).toMatchObject({
      info: { password: "new" },
      hosts: [{ uuid: other.uuid, password: "new" }],
    });
    gate.check.well = true;
    await rounds(3);
    const { hosts } = await recordsOf(store, "api");
    expect(hosts.map(({ password }) => password)).toEqual(["new", "new"]);
  });

  test("an info that is gone keeps nobody busy", async () => {
    const real = memoryStore();
    let well = true;
    const check = { type: "function", run: () => well, intervalMs: 20, fall: 1 } as const;
    const registration = discover({ store: real }).register("api", publicHost, { check });
    await registration.waitRegistration();
    well = false;
    await reached(registration, "unhealthy");
    real.delete("api", { kind: "info" });
    await sleep(200);
    const before = performance.eventLoopUtilization();
    await sleep(300);
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.8);
  });

  test("its rotation holds when nobody is left to have an info", async () => {
    const gate = checked({ ...publicHost, user: "u", password: "old" });
    await fail(gate);
    store.delete("api", { kind: "info" });
    await clock.advance(1_000);
    await gate.registration.rotateCredentials({ user: "u", password: "new" });
    expect((await recordsOf(store, "api")).info).toBeUndefined();
    gate.check.well = true;
    await rounds(3);
    expect(await recordsOf(store, "api")).toMatchObject({
      info: { password: "new", hostname: "public-domain.dev" },
      hosts: [{ password: "new" }],
    });
  });

  test("a rotation by one that never was well does not keep those of others waiting", async () => {
    const discovery = discover({ timeoutMs: 2_000 });
    const gated = checked({ ...publicHost, user: "u", password: "gated" }, {}, discovery);
    gated.check.well = false;
    const other = discovery.register("api", { ...publicHost, user: "u", password: "other" });
    await other.waitRegistration();
    const refused = gated.registration
      .rotateCredentials({ user: "u", password: "never" })
      .catch((error: unknown) => error);
    await other.rotateCredentials({ user: "u", password: "new" });
    expect((await recordsOf(store, "api")).info?.password).toBe("new");
    await rounds(3);
    expect(await refused).toMatchObject({ code: "UNAVAILABLE" });
  });

  test("a private host of the process does not take its place on the info", async () => {
    const discovery = discover();
    const gate = checked({ ...publicHost, user: "u", password: "p" }, {}, discovery);
    await fail(gate);
    await discovery.register("api", privateHost).waitRegistration();
    await clock.advance(2_000);
    expect((await recordsOf(store, "api")).info).toMatchObject({ public: true, password: "p" });
  });

  test("another process's private host may, and is followed by the host that comes back", async () => {
    const gate = checked({ ...publicHost, user: "u", password: "p" });
    await fail(gate);
    await discover().register("api", privateHost).waitRegistration();
    await clock.advance(2_000);
    expect((await recordsOf(store, "api")).info).toMatchObject({ public: false });
    expect(gate.registration.credentials()).toEqual({ user: "u", password: "p" });
    gate.check.well = true;
    await rounds(3);
    expect((await recordsOf(store, "api")).info).toMatchObject({ public: true, password: "p" });
  });

  test.each(["unregister", "drain"] as const)("%s ends it at once", async (how) => {
    const gate = checked();
    await fail(gate);
    const before = clock.now();
    await gate.registration[how]();
    expect(clock.now()).toBe(before);
    expect(gate.registration.state).toBe("closed");
    gate.check.well = true;
    await rounds(5);
    expect(await uuids()).toEqual([]);
  });

  test("draining holds when it comes back", async () => {
    const gate = checked();
    await clock.advance(0);
    await gate.registration.update({ draining: true });
    gate.check.well = false;
    await rounds(3);
    expect(await uuids()).toEqual([]);
    gate.check.well = true;
    await rounds(2);
    expect(gate.registration.state).toBe("draining");
  });

  test("an abort of its signal ends it, and the check with it", async () => {
    const abort = new AbortController();
    const signals: AbortSignal[] = [];
    const check = ({ signal }: CheckContext) => {
      signals.push(signal);
      return new Promise<boolean>(() => {});
    };
    const registration = discover().register("api", privateHost, { check, signal: abort.signal });
    await clock.advance(0);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false]);
    abort.abort();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
    await clock.advance(60_000);
    expect(signals.length).toBe(1);
    expect(registration.state).toBe("closed");
  });
});

describe("a check", () => {
  test("is made at intervals that vary by a tenth, and no two are the same", async () => {
    const times: number[] = [];
    const run = () => void times.push(clock.now());
    discover().register("api", privateHost, { check: { type: "function", run } });
    await clock.advance(200_000);
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(gaps.length).toBeGreaterThan(90);
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_800);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(2_200);
    expect(new Set(gaps).size).toBeGreaterThan(50);
  });

  test("ends with the registration, and leaves no timer", async () => {
    const gate = checked();
    await rounds(3);
    const { times } = gate.check;
    await gate.registration.unregister();
    await rounds(10);
    expect(gate.check.times).toBe(times);
    await gate.discovery.close();
    expect(clock.timers).toBe(0);
  });

  test("that takes longer than the interval is not overlapped, and followed by the next at once", async () => {
    let running = 0;
    const begun: number[] = [];
    const run = async () => {
      begun.push(clock.now());
      running += 1;
      expect(running).toBe(1);
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 2_500));
      running -= 1;
    };
    const check = { type: "function", run, intervalMs, timeoutMs: 5_000 } as const;
    const registration = discover().register("api", privateHost, { check });
    await clock.advance(10_000);
    expect(begun).toEqual([0, 2_500, 5_000, 7_500, 10_000]);
    expect(registration.state).toBe("registered");
  });

  test("that hangs is aborted when its time is up, and begun again at the next interval", async () => {
    const begun: number[] = [];
    const aborted: number[] = [];
    const run = ({ signal }: CheckContext) =>
      new Promise<boolean>((_, reject) => {
        begun.push(clock.now());
        signal.addEventListener("abort", () => {
          aborted.push(clock.now());
          reject(signal.reason as Error);
        });
      });
    const check = { type: "function", run, intervalMs, timeoutMs: 500 } as const;
    const registration = discover().register("api", privateHost, { check });
    await rounds(4);
    expect(aborted).toEqual(begun.map((time) => time + 500).slice(0, aborted.length));
    expect(begun.length).toBeGreaterThanOrEqual(4);
    expect(registration.lastError).toMatchObject({ code: "TIMEOUT" });
    expect(registration.lastError?.message).toMatch(/no result within 500 ms/);
  });

  test("that does not settle counts as failing, and is never overlapped", async () => {
    const gate = { hangs: false, calls: 0, end: (): void => {} };
    const run = () => {
      gate.calls += 1;
      return gate.hangs
        ? new Promise<boolean>((resolve) => (gate.end = () => resolve(true)))
        : true;
    };
    const check = { type: "function", run, intervalMs, timeoutMs: 1_000 } as const;
    const registration = discover().register("api", privateHost, { check });
    await clock.advance(0);
    gate.hangs = true;
    await rounds(5);
    expect(registration.state).toBe("unhealthy");
    expect(registration.lastError?.message).toMatch(/the one before goes on \d+ ms after/);
    expect(gate.calls).toBe(2);
    gate.hangs = false;
    await rounds(30);
    expect(gate.calls).toBe(2);
    expect(registration.state).toBe("unhealthy");
    gate.end();
    await rounds(3);
    expect(registration.state).toBe("registered");
  });

  test("that ends long after its time was up is followed by the next", async () => {
    const calls: number[] = [];
    const run = async () => {
      calls.push(clock.now());
      await new Promise<void>((resolve) => clock.setTimeout(resolve, 4_000));
      return true;
    };
    const check = { type: "function", run, intervalMs, timeoutMs: 1_000 } as const;
    const registration = discover().register("api", privateHost, { check });
    await clock.advance(7_900);
    expect(calls.length).toBe(2);
    expect(calls[1]).toBeGreaterThanOrEqual(4_000);
    expect(registration.state).toBe("registering");
  });

  const throwing: Error = new Error("the database is away");
  const unspeakable = Object.create(Error.prototype, {
    message: {
      get: () => {
        throw new Error("no");
      },
    },
  }) as Error;
  test.each<[string, () => unknown, RegExp]>([
    ["rejects", () => Promise.reject(throwing), /the database is away$/],
    [
      "says why in its cause",
      () => Promise.reject(new TypeError("fetch failed", { cause: new Error("refused") })),
      /fetch failed: refused$/,
    ],
    ["throws nothing at all", () => Promise.reject(undefined), /it threw undefined$/],
    ["throws what has no words", () => Promise.reject(unspeakable), /cannot be told$/],
    ["returns false", () => false, /it returned false$/],
    ["returns an answer", () => new Response("", { status: 500 }), /it returned Response, where/],
    ["returns a number", () => 0, /it returned number, where/],
  ])("that %s has failed", async (_, run, message) => {
    const check = { type: "function", run: run as () => boolean } as const;
    const registration = discover().register("api", privateHost, { check });
    await clock.advance(0);
    expect(registration.lastError?.message).toMatch(message);
    expect(registration.state).toBe("registering");
  });

  test("that throws at once has failed", async () => {
    const check = () => {
      throw throwing;
    };
    const registration: Registration = discover().register("api", privateHost, { check });
    await clock.advance(0);
    expect(registration.lastError).toMatchObject({ cause: throwing });
  });

  test("that says the password does not make it known", async () => {
    const error = new Error("GET http://user:s%26cret@n1/ failed with s&cret");
    const registration = discover().register(
      "api",
      { ...publicHost, user: "user", password: "s&cret" },
      { check: () => Promise.reject(error) },
    );
    await clock.advance(0);
    expect(registration.lastError?.message).toMatch(
      /GET http:\/\/user:\*\*\*@n1\/ failed with \*\*\*/,
    );
    expect(registration.lastError?.cause).toBeUndefined();
    expect(logger.text()).not.toMatch(/s&cret|s%26cret/);
  });

  test("that carries the password somewhere does not make it known, either", async () => {
    const error = Object.assign(new Error("refused"), {
      config: { headers: [["authorization", "s'cre\nt"]] },
    });
    const registration = discover().register(
      "api",
      { ...publicHost, user: "user", password: "s'cre\nt" },
      { check: () => Promise.reject(error) },
    );
    await clock.advance(0);
    expect(registration.lastError?.message).toMatch(/refused/);
    expect(registration.lastError?.cause).toBeUndefined();
  });
});
