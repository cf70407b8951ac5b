import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import type { Registration } from "../../../src/index.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../../src/testing/index.ts";
import { hostValue, infoValue } from "../../support/host-value.ts";
import { recordsOf } from "../../support/records.ts";
import { type RecordingLogger, recordingLogger } from "../../support/recording-logger.ts";
import { type FaultyStore, faultyStore } from "../find/faulty-store.ts";

const service = "api";

/** The time between two comparisons, where chance is always one half. */
const everyMs = 300_000;

/** One more comparison, and some time for a change that may be on its way. */
const periodMs = everyMs + 3_000;

let clock: ManualClock;
let store: MemoryStore;
let faulty: FaultyStore;
let logger: RecordingLogger;
let discovery: Discovery;
let registration: Registration;

beforeEach(async () => {
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  clock = manualClock();
  store = memoryStore({ clock });
  faulty = faultyStore(store.connect());
  logger = recordingLogger();
  discovery = new Discovery({ store: faulty.store, logger });
  registration = discovery.register(service, {
    hostname: "public-domain.dev",
    ports: { http: 80 },
    public: true,
    user: "user",
    password: "first",
  });
  await clock.advance(1_000);
  expect(registration.state).toBe("registered");
});

afterEach(async () => {
  vi.restoreAllMocks();
  await discovery.close();
  expect(clock.timers).toBe(0);
  expect(logger.lines.filter(({ level }) => level === "error")).toEqual([]);
});

const name = () => ({ kind: "host", id: registration.uuid }) as const;

const drift = () => discovery.health().registrations.map(({ driftRepaired }) => driftRepaired);

/** Lets something happen that the store tells nobody of. */
async function unnoticed(happen: () => void): Promise<void> {
  faulty.tamper = () => [];
  happen();
  await clock.advance(0);
  faulty.tamper = undefined;
  await clock.advance(60_000);
  expect([registration.state, drift()]).toEqual(["registered", [0]]);
}

describe("a change of its record that the store never told of", () => {
  it.each([
    ["that it was deleted", () => store.delete(service, name())],
    ["that it was overwritten", () => store.put(service, name(), hostValue(service, name().id))],
    ["that it was emptied", () => store.put(service, name(), "")],
  ])("is undone by the next comparison, and counted: %s", async (_, happen) => {
    const before = await recordsOf(store, service);
    await unnoticed(happen);
    await clock.advance(periodMs);
    expect(await recordsOf(store, service)).toEqual(before);
    expect([registration.state, drift()]).toEqual(["registered", [1]]);
    expect(logger.lines.filter(({ message }) => message.includes("unnoticed"))).toHaveLength(1);
    // It is watched again.
    store.delete(service, name());
    await clock.advance(1_000);
    expect(await recordsOf(store, service)).toEqual(before);
    await clock.advance(3 * periodMs);
    expect(drift()).toEqual([1]);
  });

  it("also counts when it is an order to drain", async () => {
    const [host] = (await store.read(service, { info: false, hosts: "all" }, { timeoutMs: 1 }))
      .hosts;
    const order = new TextDecoder().decode(host?.value).replace(/}$/, ',"draining":true}');
    await unnoticed(() => store.put(service, name(), order));
    await clock.advance(periodMs);
    expect([registration.state, drift()]).toEqual(["draining", [1]]);
  });
});

it("takes over credentials of which the store never told", async () => {
  const told: unknown[] = [];
  registration.on("credentials", (credentials) => told.push(credentials));
  await unnoticed(() => store.put(service, { kind: "info" }, infoValue(service, "second")));
  await clock.advance(periodMs);
  expect(registration.credentials()).toEqual({ user: "user", password: "second" });
  expect((await recordsOf(store, service)).hosts).toMatchObject([{ password: "second" }]);
  expect([told, drift()]).toEqual([[{ user: "user", password: "second" }], [1]]);
});

it("writes nothing, and counts nothing, where nothing was lost", async () => {
  await registration.update({ weight: 2 });
  store.put(service, { kind: "info" }, infoValue(service, "second"));
  await clock.advance(1_000);
  store.delete(service, name());
  await clock.advance(1_000);
  const { revision } = await store.read(service, { info: true, hosts: "all" }, { timeoutMs: 1 });
  const reads = faulty.reads();
  await clock.advance(10 * periodMs);
  expect(faulty.reads()).toBeGreaterThanOrEqual(reads + 10);
  const later = await store.read(service, { info: true, hosts: "all" }, { timeoutMs: 1 });
  expect([later.revision, drift()]).toEqual([revision, [0]]);
});

it("does not take for lost what is on its way", async () => {
  const late: (() => void)[] = [];
  faulty.tamper = (batch) => {
    const observer = faulty.observer();
    late.push(() => observer.changed(batch));
    return [];
  };
  await clock.advance(everyMs - 1_500);
  const reads = faulty.reads();
  store.put(service, { kind: "info" }, infoValue(service, "second"));
  await clock.advance(1_500);
  expect(faulty.reads()).toBe(reads + 1);
  faulty.tamper = undefined;
  for (const tell of late) tell();
  await clock.advance(2_000);
  expect(faulty.reads()).toBe(reads + 2);
  expect(registration.credentials().password).toBe("second");
  expect(drift()).toEqual([0]);
});

it("waits for a store that cannot be read, however long", async () => {
  store.outage(true);
  await clock.advance(3 * periodMs);
  store.outage(false);
  await clock.advance(5_000);
  expect([registration.state, drift()]).toEqual(["registered", [0]]);
});

it.each([
  ["soon", 3_000, 20_000],
  ["in its own time, for so short a while", 2_900, periodMs],
])("is made after contact was lost: %s", async (_, lostMs, withinMs) => {
  const before = await recordsOf(store, service);
  store.outage(true);
  await clock.advance(lostMs);
  faulty.tamper = () => [];
  store.delete(service, name());
  store.outage(false);
  await clock.advance(0);
  faulty.tamper = undefined;
  await clock.advance(10_000);
  expect([registration.state, drift()]).toEqual(["registered", [0]]);
  if (withinMs === periodMs) {
    await clock.advance(100_000);
    expect(drift()).toEqual([0]);
  }
  await clock.advance(withinMs);
  expect(await recordsOf(store, service)).toEqual(before);
  expect([registration.state, drift()]).toEqual(["registered", [1]]);
});

it("ends with the last registration of the service", async () => {
  await registration.unregister();
  const reads = faulty.reads();
  await clock.advance(10 * periodMs);
  expect(faulty.reads()).toBe(reads);
});
