import { channel } from "node:diagnostics_channel";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Discovery } from "../../src/index.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../src/testing/index.ts";
import { hear, type Heard } from "../support/heard.ts";
import { hostValue, infoValue } from "../support/host-value.ts";
import { type FaultyStore, faultyStore } from "./find/faulty-store.ts";

let clock: ManualClock;
let store: MemoryStore;
let faulty: FaultyStore;
let discovery: Discovery;
let heard: Heard;

beforeEach(() => {
  clock = manualClock();
  store = memoryStore({ clock });
  faulty = faultyStore(store.connect());
  heard = hear();
  discovery = new Discovery({ store: faulty.store, ttlSeconds: 5 });
});

afterEach(async () => {
  heard[Symbol.dispose]();
  store.outage(false);
  await discovery.close();
});

const host = {
  hostname: "x.dev",
  ports: { http: 80 },
  public: true,
  user: "u",
  password: "secret",
};

describe("the channel of registrations", () => {
  it("tells each state from the first to the last, and why it is lost", async () => {
    const registration = discovery.register("api", host);
    const { service, uuid } = registration;
    await clock.advance(1_000);
    store.outage(true);
    await clock.advance(6_000);
    store.outage(false);
    await clock.advance(6_000);
    await registration.unregister();
    const told = { discovery: discovery.id, service, uuid };
    expect(heard.on("etcd-discovery:registration", discovery)).toEqual([
      { ...told, state: "registering", previous: undefined, error: undefined },
      { ...told, state: "registered", previous: "registering", error: undefined },
      { ...told, state: "lost", previous: "registered", error: expect.any(Error) as Error },
      { ...told, state: "registered", previous: "lost", error: undefined },
      { ...told, state: "closed", previous: "registered", error: undefined },
    ]);
  });
});

describe("the channel of leases", () => {
  it("tells that one was granted, lost and granted again, but not that it was given back", async () => {
    discovery.register("api", host);
    await clock.advance(1_000);
    store.outage(true);
    await clock.advance(6_000);
    store.outage(false);
    await clock.advance(6_000);
    await discovery.close();
    const told = { discovery: discovery.id, ttlSeconds: 5 };
    expect(heard.on("etcd-discovery:lease", discovery)).toEqual([
      { ...told, type: "granted", error: undefined },
      { ...told, type: "lost", error: expect.any(Error) as Error },
      { ...told, type: "granted", error: undefined },
    ]);
  });
});

describe("the channels of resyncs and drift", () => {
  const resyncs = () => heard.on("etcd-discovery:resync", discovery);

  it.each(["compacted", "replaced", "refused"] as const)(
    "tell that a watch was %s",
    async (reason) => {
      discovery.subscribe("api");
      await clock.advance(0);
      expect(resyncs()).toEqual([]);
      faulty.end(reason);
      await clock.advance(1_000);
      expect(resyncs()).toEqual([{ discovery: discovery.id, service: "api", reason }]);
      expect(discovery.health().totals.resyncs).toMatchObject({ [reason]: 1 });
    },
  );

  it("tell that changes were not told, of what is followed and of own records", async () => {
    discovery.subscribe("api");
    discovery.register("own", { privateHostname: "x.dev", ports: { http: 80 } });
    await clock.advance(1_000);
    faulty.tamper = () => [];
    store.put("api", { kind: "info" }, infoValue("api", "third"));
    const { uuid: id = "" } = discovery.health().registrations[0] ?? {};
    store.delete("own", { kind: "host", id });
    await clock.advance(1_000);
    faulty.tamper = undefined;
    await clock.advance(400_000);
    const by = (one: { service: string }, other: { service: string }) =>
      one.service < other.service ? -1 : 1;
    expect(heard.on("etcd-discovery:drift", discovery).toSorted(by)).toEqual([
      { discovery: discovery.id, service: "api", of: "followed", changes: 1 },
      { discovery: discovery.id, service: "own", of: "registered", changes: 1 },
    ]);
    expect(resyncs()).toEqual([{ discovery: discovery.id, service: "api", reason: "drift" }]);
    expect(discovery.health().totals).toMatchObject({ resyncs: { drift: 1 }, driftRepaired: 2 });
  });
});

describe("the channel of ejections", () => {
  it("tells who is left alone and for how long, is tried again, and works again", async () => {
    for (const id of ["a", "b"]) store.put("api", { kind: "host", id }, hostValue("api", id));
    const pool = discovery.live("api");
    await clock.advance(0);
    const useOfA = () => pool.begin({ exclude: pool.hosts.filter(({ uuid }) => uuid !== "a") });
    useOfA().end("unreachable");
    await clock.advance(10_000);
    useOfA().end("succeeded");
    const told = { discovery: discovery.id, service: "api", uuid: "a" };
    const further = { failures: undefined, forMs: undefined };
    const events = heard.on("etcd-discovery:ejection", discovery);
    expect(events).toEqual([
      { ...told, type: "ejected", failures: 1, forMs: expect.any(Number) as number },
      { ...told, type: "trial", ...further },
      { ...told, type: "recovered", ...further },
    ]);
    expect(events[0]?.forMs).toBeGreaterThan(2_000);
    expect(events[0]?.forMs).toBeLessThanOrEqual(5_000);
  });
});

describe("events", () => {
  /** Something of each kind. */
  async function muchHappens(): Promise<void> {
    store.put("web", { kind: "host", id: "a" }, hostValue("web", "a"));
    store.put("web", { kind: "host", id: "broken" }, '{"password":"secret"');
    discovery.register("api", host);
    const pool = discovery.live("web");
    await clock.advance(1_000);
    pool.begin().end("unreachable");
    faulty.end("compacted");
    store.outage(true);
    await clock.advance(6_000);
    store.outage(false);
    await clock.advance(6_000);
  }

  it("are frozen, fit to be passed on, and carry no password", async () => {
    await muchHappens();
    const channels = new Set(heard.all.map((each) => each.channel));
    expect(channels.size).toBeGreaterThanOrEqual(4);
    for (const { channel: of, event } of heard.all) {
      if (of !== "etcd-discovery:malformed-record") expect(Object.isFrozen(event)).toBe(true);
      expect(JSON.stringify(event)).not.toContain("secret");
    }
  });

  it("of two discoveries are told apart by their ids", async () => {
    await using other = new Discovery({ store: store.connect() });
    expect(discovery.id).toMatch(/^[0-9a-f]{8}$/);
    expect(other.id).not.toBe(discovery.id);
    other.register("other", { privateHostname: "y.dev", ports: { http: 80 } });
    discovery.register("api", host);
    await clock.advance(1_000);
    const services = (of: Discovery) =>
      new Set(heard.on("etcd-discovery:registration", of).map(({ service }) => service));
    expect([...services(discovery)]).toEqual(["api"]);
    expect([...services(other)]).toEqual(["other"]);
  });

  it("are not even made while nobody has subscribed", async () => {
    heard[Symbol.dispose]();
    const freeze = Object.freeze;
    const made: unknown[] = [];
    Object.freeze = (value: object) => {
      if ("discovery" in value) made.push(value);
      return freeze(value);
    };
    try {
      await muchHappens();
      expect(made).toEqual([]);
      channel("etcd-discovery:lease").subscribe(ignore);
      await discovery.close();
      discovery = new Discovery({ store: faulty.store });
      await muchHappens();
      // The test can see them.
      expect(made.length).toBeGreaterThan(0);
    } finally {
      Object.freeze = freeze;
      channel("etcd-discovery:lease").unsubscribe(ignore);
    }
  });

  it("disturb nothing when a subscriber throws, which Node.js reports later", async () => {
    const thrown = new Error("of the subscriber");
    const uncaught: unknown[] = [];
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => uncaught.push(error));
    const subscriber = () => {
      throw thrown;
    };
    channel("etcd-discovery:registration").subscribe(subscriber);
    try {
      const registration = discovery.register("api", host);
      await clock.advance(1_000);
      expect(registration.state).toBe("registered");
      await new Promise((resolve) => setImmediate(resolve));
      expect(uncaught).toEqual([thrown, thrown]);
    } finally {
      channel("etcd-discovery:registration").unsubscribe(subscriber);
      process.removeAllListeners("uncaughtException");
      for (const listener of others) process.on("uncaughtException", listener);
    }
  });
});

function ignore(): void {}
