import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";

import { Discovery } from "../../../src/discovery.ts";
import { encodeHost, encodeInfo } from "../../../src/model/record.ts";
import type { Store } from "../../../src/store/store.ts";
import { manualClock, memoryStore } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { recordsOf } from "../../support/records.ts";
import { statesOf } from "../../support/registrations.ts";
import { unreliable } from "../../support/unreliable-store.ts";

const open: Discovery[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((discovery) => discovery.close()));
});

function discover(options: ConstructorParameters<typeof Discovery>[0]): Discovery {
  const discovery = new Discovery(options);
  open.push(discovery);
  return discovery;
}

const publicHost = (user: string, password: string, hostname = "public-domain.dev") => ({
  hostname,
  ports: { http: 80 },
  privateHostname: "n1",
  public: true,
  user,
  password,
});
/** A store whose answers to writes come when their news has long been told and has come to rest. */
function answersLate(store: Store): Store {
  return new Proxy(store, {
    get(target, name) {
      if (name === "write") {
        return async (...args: Parameters<Store["write"]>) => {
          const result = await target.write(...args);
          await sleep(200);
          return result;
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

const privateHost = { privateHostname: "10.0.0.1", ports: { http: 80 } };

describe("registering", () => {
  test("a private host is on the store, with an info that has its name only", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", { ...privateHost, critical: true });
    expect(registration.ready).toBe(false);
    expect(registration.state).toBe("registering");
    await registration.waitRegistration();
    expect(registration.ready).toBe(true);
    expect(registration.state).toBe("registered");
    const { info, hosts } = await recordsOf(store, "api");
    expect(info).toMatchObject({ name: "api", critical: true, public: false, hostname: "" });
    expect(hosts.map(({ uuid }) => uuid)).toEqual([registration.uuid]);
  });

  test("a public host announces its credentials on the info", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", publicHost("u", "p"));
    await registration.waitRegistration();
    const { info } = await recordsOf(store, "api");
    expect(info).toMatchObject({
      public: true,
      hostname: "public-domain.dev",
      user: "u",
      password: "p",
    });
    expect(registration.credentials()).toEqual({ user: "u", password: "p" });
  });

  test("a public host without credentials takes those on the info", async () => {
    const store = memoryStore();
    await discover({ store }).register("api", publicHost("u", "p")).waitRegistration();
    const second = discover({ store }).register("api", publicHost("", "", "other.dev"));
    await second.waitRegistration();
    expect(second.credentials()).toEqual({ user: "u", password: "p" });
    const { info, hosts } = await recordsOf(store, "api");
    expect(info).toMatchObject({ hostname: "other.dev", user: "u", password: "p" });
    expect(hosts.map(({ password }) => password)).toEqual(["p", "p"]);
  });

  test("a public host that has private ports alone is written once", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", {
      ...publicHost("u", "p"),
      ports: {},
      privatePorts: { http: 80 },
    });
    await registration.waitRegistration();
    const revision = async () =>
      (await store.read("api", { info: true, hosts: "all" }, { timeoutMs: 1_000 })).revision;
    const before = await revision();
    for (let turns = 0; turns < 200; turns += 1) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await revision()).toBe(before);
  });

  test("the newest credentials win, and the others adopt them and tell their users", async () => {
    const store = memoryStore();
    const first = discover({ store }).register("api", publicHost("u", "old"));
    await first.waitRegistration();
    const told: string[] = [];
    first.on("credentials", ({ password }) => told.push(password));
    const changes = first.credentialChanges();
    const second = discover({ store }).register("api", publicHost("u", "new"));
    await second.waitRegistration();
    expect(await changes.next()).toEqual({ done: false, value: { user: "u", password: "new" } });
    expect(told).toEqual(["new"]);
    expect(first.credentials().password).toBe("new");
    await eventually(async () => {
      const { info, hosts } = await recordsOf(store, "api");
      expect([info, ...hosts].map((record) => record?.password)).toEqual(["new", "new", "new"]);
    });
  });

  test("twenty that start together with different passwords end with one, in three writes each at most", async () => {
    const store = memoryStore();
    const writes = new Map<string, number>();
    const counting = () => {
      const client = store.connect();
      const write = client.write.bind(client);
      client.write = (asked, options) => {
        for (const change of asked.changes) {
          if (change.kind === "put-host") writes.set(change.id, (writes.get(change.id) ?? 0) + 1);
        }
        return write(asked, options);
      };
      return client;
    };
    const registrations = Array.from({ length: 20 }, (_, i) =>
      discover({ store: counting() }).register("api", publicHost("u", `p${i}`)),
    );
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    await eventually(async () => {
      const { info, hosts } = await recordsOf(store, "api");
      expect(new Set([info, ...hosts].map((record) => record?.password)).size).toBe(1);
      expect(hosts.length).toBe(20);
      expect(new Set(registrations.map((one) => one.credentials().password)).size).toBe(1);
    }, 2_000);
    expect(writes.size).toBe(20);
    expect(Math.max(...writes.values())).toBeLessThanOrEqual(3);
  });

  test("a private host never wipes a public info while a public host lives, and replaces it when none is left", async () => {
    const store = memoryStore();
    const leaving = discover({ store }).register("api", publicHost("u", "p"));
    await leaving.waitRegistration();
    const other = discover({ store });
    await other.register("api", privateHost).waitRegistration();
    expect((await recordsOf(store, "api")).info?.public).toBe(true);
    await leaving.unregister();
    await other.register("api", { ...privateHost, privateHostname: "10.0.0.2" }).waitRegistration();
    await eventually(async () => !(await recordsOf(store, "api")).info?.public);
  });

  test("an info that a private host of an older client wiped is written again", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", publicHost("u", "p"));
    await registration.waitRegistration();
    const wiped = {
      name: "api",
      critical: false,
      public: false,
      hostname: "",
      user: "",
      password: "",
      ports: {},
    };
    for (const value of [encodeInfo(wiped), encodeInfo({ ...wiped, public: true }), "{"]) {
      store.put("api", { kind: "info" }, value);
      await eventually(async () => {
        const { info } = await recordsOf(store, "api");
        expect(info).toMatchObject({ public: true, user: "u", password: "p" });
      });
    }
    store.delete("api", { kind: "info" });
    await eventually(async () => (await recordsOf(store, "api")).info?.password === "p");
    expect(registration.credentials()).toEqual({ user: "u", password: "p" });
  });
});

describe("staying registered", () => {
  test.for([
    ["private", privateHost],
    ["public", publicHost("u", "p")],
  ] as const)(
    "a %s host whose record was deleted, overwritten, or whose session was revoked is put back with its uuid",
    async ([, host]) => {
      const store = memoryStore();
      const registration = discover({ store }).register("api", host);
      await registration.waitRegistration();
      const record = { kind: "host", id: registration.uuid } as const;
      const states: string[] = [];
      registration.on("state", (state) => states.push(state));
      const harms = [
        () => store.delete("api", record),
        () => store.put("api", record, '{"ports":{"http":"1"}}'),
        () => store.put("api", record, "{"),
        () => store.revokeSessions(),
        () => store.wipe(),
      ];
      for (const harm of harms) {
        const before = await recordsOf(store, "api").catch(() => undefined);
        harm();
        await eventually(async () => {
          expect(registration.state).toBe("registered");
          expect(await recordsOf(store, "api")).toEqual(before);
        }, 3_000);
      }
      expect(states).toEqual(harms.flatMap(() => ["lost", "registered"]));
      await registration.unregister();
      expect((await recordsOf(store, "api")).hosts).toEqual([]);
    },
  );

  test("what is put back lives by the session, also when a foreign hand wrote the same bytes", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const client = store.connect();
    const discovery = discover({ store: client });
    const registration = discovery.register("api", privateHost);
    await clock.advance(1);
    const [host] = (await recordsOf(store, "api")).hosts;
    if (host === undefined) throw new Error("not registered");
    store.put("api", { kind: "host", id: registration.uuid }, encodeHost(host));
    await clock.advance(2_000);
    client.kill();
    await clock.advance(10_000);
    expect((await recordsOf(store, "api")).hosts).toEqual([]);
    const closed = discovery.close();
    await clock.advance(10_000);
    await closed;
  });

  test("an operator's order to drain is kept until update({ draining: false })", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", privateHost);
    await registration.waitRegistration();
    const [host] = (await recordsOf(store, "api")).hosts;
    if (host === undefined) throw new Error("not registered");
    store.put("api", { kind: "host", id: host.uuid }, encodeHost({ ...host, draining: true }));
    await eventually(() => registration.state === "draining");
    await registration.update({ weight: 3 });
    expect((await recordsOf(store, "api")).hosts).toMatchObject([{ draining: true, weight: 3 }]);
    await registration.update({ draining: false });
    expect(registration.state).toBe("registered");
    expect((await recordsOf(store, "api")).hosts).toMatchObject([{ draining: false, weight: 3 }]);
  });

  test("foreign writes are undone once a second at most", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const registration = discover({ store }).register("api", privateHost);
    await clock.advance(100);
    const record = { kind: "host", id: registration.uuid } as const;
    const found = async () => (await recordsOf(store, "api")).hosts.length;
    store.delete("api", record);
    await clock.advance(1);
    expect(await found()).toBe(1);
    store.delete("api", record);
    await clock.advance(500);
    expect(await found()).toBe(0);
    await clock.advance(600);
    expect(await found()).toBe(1);
  });

  test("comes back with the newest record after an outage longer than its session", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const registration = discover({ store, ttlSeconds: 2 }).register("api", publicHost("u", "p"));
    await clock.advance(100);
    expect(registration.ready).toBe(true);
    store.outage(true);
    const updated = registration.update({ weight: 7 });
    updated.catch(() => {});
    await clock.advance(60_000);
    await expect(updated).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(registration.state).toBe("lost");
    expect(registration.lastError).toMatchObject({ code: "UNAVAILABLE" });
    store.outage(false);
    await clock.advance(2_000);
    expect(registration.state).toBe("registered");
    expect(registration.lastError).toBeUndefined();
    const { hosts } = await recordsOf(store, "api");
    expect(hosts).toMatchObject([{ uuid: registration.uuid, weight: 7, password: "p" }]);
  });
});

describe("changing", () => {
  test("update writes the host, and the info of a public one", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", publicHost("u", "p"));
    await registration.waitRegistration();
    await registration.update({ hostname: "new.dev", ports: { https: 443 }, critical: true });
    const { info, hosts } = await recordsOf(store, "api");
    expect(info).toMatchObject({
      hostname: "new.dev",
      ports: { https: "443" },
      critical: true,
      user: "u",
      password: "p",
    });
    expect(hosts).toMatchObject([{ uuid: registration.uuid, hostname: "new.dev" }]);
  });

  test("an update made as soon as it is registered reaches the info too", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", publicHost("u", "p"));
    const updated = new Promise<void>((resolve, reject) => {
      registration.on("state", () => {
        registration.update({ hostname: "new.dev" }).then(resolve, reject);
      });
    });
    await updated;
    await eventually(async () => {
      const { info, hosts } = await recordsOf(store, "api");
      expect([info, ...hosts]).toMatchObject([{ hostname: "new.dev" }, { hostname: "new.dev" }]);
    });
  });

  test("rotated credentials reach the info and all public hosts; the caller is not told", async () => {
    const store = memoryStore();
    const discovery = discover({ store });
    const [one, two] = [1, 2].map((n) => discovery.register("api", publicHost("u", `p${n}`)));
    const three = discover({ store }).register("api", publicHost("", ""));
    if (one === undefined || two === undefined) throw new Error("not registered");
    await Promise.all([one, two, three].map((registration) => registration.waitRegistration()));
    const told: string[] = [];
    await eventually(() => one.credentials().password === three.credentials().password);
    one.on("credentials", () => told.push("one"));
    two.on("credentials", () => told.push("two"));
    three.on("credentials", () => told.push("three"));
    await one.rotateCredentials({ user: "u", password: "rotated" });
    await eventually(async () => {
      const { info, hosts } = await recordsOf(store, "api");
      expect([info, ...hosts].map((record) => record?.password)).toEqual(Array(4).fill("rotated"));
      expect(told.toSorted()).toEqual(["three", "two"]);
    });
  });

  test("its caller is not told of a rotation whose answer comes long after the news of it", async () => {
    const store = memoryStore();
    const registration = discover({ store: answersLate(store) }).register(
      "api",
      publicHost("u", "p"),
    );
    await registration.waitRegistration();
    const told: string[] = [];
    registration.on("credentials", ({ password }) => told.push(password));
    await registration.rotateCredentials({ user: "u", password: "1" });
    await registration.rotateCredentials({ user: "u", password: "2" });
    expect(registration.credentials().password).toBe("2");
    expect(told).toEqual([]);
  });

  test("what others announce before a rotation is answered wins over it", async () => {
    const store = memoryStore();
    const registration = discover({ store: answersLate(store) }).register(
      "api",
      publicHost("u", "p"),
    );
    await registration.waitRegistration();
    await registration.rotateCredentials({ user: "u", password: "1" });
    const told: string[] = [];
    registration.on("credentials", ({ password }) => told.push(password));
    const rotated = registration.rotateCredentials({ user: "u", password: "mine" });
    await eventually(async () => (await recordsOf(store, "api")).info?.password === "mine");
    const newest = discover({ store }).register("api", publicHost("u", "newest"));
    await Promise.all([rotated, newest.waitRegistration()]);
    await eventually(async () => {
      const { info, hosts } = await recordsOf(store, "api");
      expect([info, ...hosts].map((record) => record?.password)).toEqual(Array(3).fill("newest"));
    });
    expect(told).toEqual(["newest"]);
    expect(registration.credentials().password).toBe("newest");
    await registration.update({ weight: 2 });
    const { hosts } = await recordsOf(store, "api");
    expect(hosts.map(({ password }) => password)).toEqual(["newest", "newest"]);
  });

  test("of several rotations at once the last one wins", async () => {
    const store = memoryStore();
    const registrations = Array.from({ length: 5 }, () =>
      discover({ store }).register("api", publicHost("u", "p")),
    );
    await Promise.all(registrations.map((one) => one.waitRegistration()));
    await Promise.all(
      registrations.map((one, i) => one.rotateCredentials({ user: "u", password: `r${i}` })),
    );
    await eventually(async () => {
      const { info, hosts } = await recordsOf(store, "api");
      const passwords = new Set([info, ...hosts].map((record) => record?.password));
      expect(passwords.size).toBe(1);
      expect([...passwords][0]).toMatch(/^r\d$/);
    });
  });

  test("no credentials at all are refused, and so are fields that cannot be updated", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", publicHost("u", "p"));
    expect(() => registration.rotateCredentials({ user: "", password: "" })).toThrow(/credentials/);
    expect(() => registration.update({ password: "x" } as never)).toThrow(/password/);
    expect(() => registration.update({ ports: { http: 0 } })).toThrow(/ports/);
    expect(() => registration.credentials()).toThrow(
      expect.objectContaining({ code: "NOT_READY" }),
    );
  });
});

describe("ending", () => {
  test("the key is gone when unregister resolves, whenever it was called, and stays gone", async () => {
    for (const turns of [0, 1, 2, 3, 4, 6, 8, 12, 20]) {
      const store = memoryStore();
      const discovery = discover({ store });
      const registration = discovery.register("api", publicHost("u", "p"));
      for (let i = 0; i < turns; i += 1) await Promise.resolve();
      await Promise.all([registration.unregister(), registration.unregister()]);
      expect((await recordsOf(store, "api")).hosts).toEqual([]);
      expect(registration.state).toBe("closed");
      expect(registration.ready).toBe(false);
      await expect(registration.waitRegistration()).rejects.toMatchObject({ code: "CLOSED" });
      await discovery.close();
      expect((await recordsOf(store, "api")).hosts).toEqual([]);
    }
  });

  test("marks the record as draining before it goes, so that followers know why", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", privateHost);
    await registration.waitRegistration();
    const down = discover({ store }).subscribe("api");
    await down.waitReady();
    await registration.unregister();
    const seen = [];
    for await (const event of down) {
      seen.push(event.type);
      if (event.type === "down") {
        expect(event.reason).toBe("unregistered");
        break;
      }
    }
    expect(seen.at(-1)).toBe("down");
  });

  test("while the store is away it resolves after timeoutMs, and deletes the record later", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const discovery = discover({ store, timeoutMs: 500 });
    discovery.register("api", { ...privateHost, privateHostname: "10.0.0.9" });
    const registration = discovery.register("api", privateHost);
    await clock.advance(100);
    store.outage(true);
    let ended = false;
    void registration.unregister().then(() => (ended = true));
    await clock.advance(499);
    expect(ended).toBe(false);
    await clock.advance(2);
    expect(ended).toBe(true);
    store.outage(false);
    await clock.advance(2_000);
    expect((await recordsOf(store, "api")).hosts).toMatchObject([{ privateHostname: "10.0.0.9" }]);
  });

  test("an abort unregisters; the wait's own abort ends the wait alone", async () => {
    const store = memoryStore();
    const life = new AbortController();
    const registration = discover({ store }).register("api", privateHost, { signal: life.signal });
    const reason = new Error("enough");
    await expect(registration.waitRegistration({ signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    await registration.waitRegistration();
    life.abort();
    await eventually(async () => (await recordsOf(store, "api")).hosts.length === 0);
    expect(registration.state).toBe("closed");
  });

  test("drain marks, waits and unregisters", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const registration = discover({ store }).register("api", privateHost);
    await clock.advance(10);
    const drained = registration.drain({ delayMs: 3_000 });
    await clock.advance(10);
    expect(registration.state).toBe("draining");
    expect((await recordsOf(store, "api")).hosts).toMatchObject([{ draining: true }]);
    await clock.advance(2_900);
    expect((await recordsOf(store, "api")).hosts.length).toBe(1);
    await clock.advance(100);
    await drained;
    expect((await recordsOf(store, "api")).hosts).toEqual([]);
  });

  test("closing the discovery ends all, leaves no session and no timer", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const discovery = discover({ store });
    for (let i = 0; i < 120; i += 1) discovery.register(`api-${i % 7}`, privateHost);
    await clock.advance(100);
    expect(store.sessions).toBe(1);
    const closed = discovery.close();
    await clock.advance(10);
    await closed;
    for (let i = 0; i < 7; i += 1) expect((await recordsOf(store, `api-${i}`)).hosts).toEqual([]);
    expect(store.sessions).toBe(0);
    expect(clock.timers).toBe(0);
    expect(() => discovery.register("api", privateHost)).toThrow(
      expect.objectContaining({ code: "CLOSED" }),
    );
  });

  test("a session that nobody needs is given back, and taken up again before that", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const discovery = discover({ store });
    const first = discovery.register("api", privateHost);
    await clock.advance(10);
    await first.unregister();
    await clock.advance(1_000);
    discovery.register("api", privateHost);
    await clock.advance(60_000);
    expect(store.sessions).toBe(1);
    expect((await recordsOf(store, "api")).hosts.length).toBe(1);
    const closed = discovery.close();
    await clock.advance(10);
    await closed;
  });
});

test("a listener that throws is logged and harms nobody", async () => {
  const errors: unknown[] = [];
  const store = memoryStore();
  const logger = {
    debug() {},
    info() {},
    warn() {},
    error: (_: string, fields?: object) => errors.push(fields),
  };
  const registration = discover({ store, logger }).register("api", privateHost);
  registration.on("state", () => {
    throw new Error("mine");
  });
  registration.on("state", async () => {
    throw new Error("mine, later");
  });
  await registration.waitRegistration();
  await eventually(() => errors.length === 2);
});

test("a write that got no answer and is carried out after the end does not bring the record back", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const discovery = discover({ store, timeoutMs: 1_000 });
  discovery.register("api", { ...privateHost, privateHostname: "10.0.0.9" });
  const registration = discovery.register("api", privateHost);
  await clock.advance(10);
  const { hosts } = await recordsOf(store, "api");
  const late = hosts.find(({ uuid }) => uuid === registration.uuid);
  if (late === undefined) throw new Error("not registered");
  store.outage(true);
  registration.update({ weight: 2 }).catch(() => {});
  await clock.advance(10);
  store.outage(false);
  const ended = registration.unregister();
  await clock.advance(1_000);
  await ended;
  store.put("api", { kind: "host", id: registration.uuid }, encodeHost({ ...late, weight: 2 }));
  await clock.advance(1);
  expect((await recordsOf(store, "api")).hosts).toMatchObject([{ privateHostname: "10.0.0.9" }]);
  const closed = discovery.close();
  await clock.advance(1_000);
  await closed;
  expect(clock.timers).toBe(0);
});

test.for([
  ["private", privateHost],
  ["public", publicHost("u", "p")],
] as const)(
  "an update of a %s host that is carried out late does not undo a later one",
  async ([, host]) => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const way = unreliable(store.connect(), clock);
    const registration = discover({ store: way }).register("api", host);
    await clock.advance(10);
    way.fate = "late";
    const first = registration.update({ weight: 2 });
    await clock.advance(10);
    way.fate = "answered";
    await clock.advance(1_500);
    await first;
    const second = registration.update({ weight: 3 });
    await clock.advance(10);
    await second;
    const revision = async () =>
      (await store.read("api", { info: true, hosts: "all" }, { timeoutMs: 1 })).revision;
    const before = await revision();
    await clock.advance(5_000);
    expect(await revision()).toBe(before);
    expect((await recordsOf(store, "api")).hosts).toMatchObject([{ weight: 3 }]);
  },
);

describe.each([
  ["private", privateHost],
  ["public", publicHost("u", "p")],
] as const)("a %s host", (_, host) => {
  /** One that is registered, by a way on which others may be first. */
  async function registered() {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const way = unreliable(store.connect(), clock);
    const discovery = discover({ store: way });
    const registration = discovery.register("api", host);
    await clock.advance(10);
    const id = registration.uuid;
    const [record] = (await recordsOf(store, "api")).hosts;
    if (record === undefined) throw new Error("not registered");
    const put = (changes: Partial<typeof record>) =>
      store.put("api", { kind: "host", id }, encodeHost({ ...record, ...changes }));
    /** Does something in the moment before the next write of it. */
    const beforeWriting = (act: () => void): void => {
      way.before = ({ changes }) => {
        if (!changes.some((change) => change.kind === "put-host")) return;
        way.before = undefined;
        act();
      };
    };
    const remove = () => store.delete("api", { kind: "host", id });
    const states = statesOf(registration);
    return { clock, store, way, discovery, registration, put, remove, beforeWriting, states };
  }

  test.for([
    ["the same", (it) => it.put({}), { weight: 3 }],
    ["something else", (it) => it.put({ weight: 9 }), { weight: 3 }],
    ["nothing", (it) => it.remove(), { weight: 3 }],
    ["an order to drain", (it) => it.put({ draining: true }), { weight: 3, draining: true }],
  ] as [string, (it: Awaited<ReturnType<typeof registered>>) => void, object][])(
    "is updated all the same if somebody is first, and writes %s",
    async ([, foreign, expected]) => {
      const it = await registered();
      it.beforeWriting(() => foreign(it));
      // Also if nobody says so.
      it.way.silent = true;
      const updated = it.registration.update({ weight: 3 });
      await it.clock.advance(2_500);
      await updated;
      expect((await recordsOf(it.store, "api")).hosts).toMatchObject([expected]);
      expect(it.way.before).toBeUndefined();
      expect(it.registration.state).toBe("draining" in expected ? "draining" : "registered");
    },
  );

  test("does not keep others from being written when somebody is first", async () => {
    const it = await registered();
    const other = it.discovery.register("api", { ...host, privateHostname: "n2" });
    await it.clock.advance(10);
    const states = statesOf(other);
    it.beforeWriting(() => it.put({ weight: 9 }));
    const updated = [it.registration.update({ weight: 3 }), other.update({ weight: 4 })];
    await it.clock.advance(2_500);
    await Promise.all(updated);
    const { hosts } = await recordsOf(it.store, "api");
    expect(new Set(hosts.map(({ weight }) => weight))).toEqual(new Set([3, 4]));
    expect(states).toEqual([]);
  });

  test("waits longer and longer if somebody is first again and again", async () => {
    const it = await registered();
    let writes = 0;
    it.way.before = () => {
      writes += 1;
      it.put({ weight: 3 });
    };
    void it.registration.update({ weight: 3 }).catch(() => {});
    it.way.silent = true;
    await it.clock.advance(10_000);
    expect(writes).toBeGreaterThan(5);
    expect(writes).toBeLessThan(50);
    it.way.before = undefined;
    await it.clock.advance(1_000);
    expect((await recordsOf(it.store, "api")).hosts).toMatchObject([{ weight: 3 }]);
  });

  test.for([
    [{ weight: 2 }, { weight: 3 }],
    [{ draining: true }, { draining: false }],
  ])("takes its own update for its own that had no answer: %j", async ([first, second]) => {
    const it = await registered();
    it.way.fate = "lost";
    void it.registration.update(first ?? {});
    await it.clock.advance(0);
    it.way.fate = "answered";
    it.beforeWriting(() => it.put(first ?? {}));
    const updated = it.registration.update(second ?? {});
    await it.clock.advance(2_500);
    await updated;
    expect(it.way.before).toBeUndefined();
    expect(it.states).toEqual([]);
    const { hosts } = await recordsOf(it.store, "api");
    expect(hosts).toMatchObject([second ?? {}]);
  });

  test("comes back if what a first write without an answer has left runs out before the next", async () => {
    const clock = manualClock();
    const store = memoryStore({ clock });
    const way = unreliable(store.connect(), clock);
    const registration = discover({ store: way }).register("api", host);
    way.fate = "unanswered";
    await clock.advance(0);
    store.outage(true);
    await clock.advance(6_000);
    way.fate = "lost";
    store.outage(false);
    await clock.advance(1_000);
    await clock.advance(6_000);
    way.fate = "answered";
    await clock.advance(5_000);
    expect(registration.state).toBe("registered");
  });
});

test("a host whose first write got no answer, and was found on the store, is put back like any other", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const way = unreliable(store.connect(), clock);
  const registration = discover({ store: way }).register("api", publicHost("u", "p"));
  way.fate = "unanswered";
  await clock.advance(1_500);
  way.fate = "answered";
  expect(registration.state).toBe("registered");
  store.delete("api", { kind: "host", id: registration.uuid });
  await clock.advance(1_500);
  expect((await recordsOf(store, "api")).hosts).toMatchObject([{ uuid: registration.uuid }]);
});

test("a moment that is lost in rounding does not keep a record from being put back again", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const registration = discover({ store }).register("api", privateHost);
  const record = { kind: "host", id: registration.uuid } as const;
  await clock.advance(1575.0673232263227);
  store.delete("api", record);
  await clock.advance(0.1);
  store.delete("api", record);
  await clock.advance(1_000);
  expect((await recordsOf(store, "api")).hosts).toMatchObject([{ uuid: registration.uuid }]);
});

describe("refusing", () => {
  test("everything wrong at once, by a throw that names it", async () => {
    const registration = discover({ store: memoryStore() }).register("api", publicHost("u", "p"));
    const wrong: [string, () => unknown][] = [
      ["options", () => registration.waitRegistration(null as never)],
      ["signal", () => registration.waitRegistration({ signal: 1 as never })],
      ["delayMs", () => registration.drain({ delayMs: -1 })],
      ["options", () => registration.drain(null as never)],
      ["event", () => registration.on(1n as never, () => {})],
      ["listener", () => registration.on("state", 1 as never)],
      ["user", () => registration.rotateCredentials({ user: 1 as never, password: "p" })],
      [
        "password",
        () => registration.rotateCredentials({ user: "u", password: "x".repeat(70_000) }),
      ],
      ["metadata", () => registration.update({ metadata: { a: "x".repeat(70_000) } })],
    ];
    for (const [field, call] of wrong) {
      expect(call).toThrow(
        expect.objectContaining({
          code: "INVALID_ARGUMENT",
          message: expect.stringMatching(`^${field}:`) as string,
        }),
      );
    }
  });

  test("a change with an aborted signal is not made", async () => {
    const store = memoryStore();
    const registration = discover({ store }).register("api", publicHost("u", "p"));
    await registration.waitRegistration();
    const signal = AbortSignal.abort(new Error("enough"));
    await expect(registration.update({ weight: 9 }, { signal })).rejects.toBe(signal.reason);
    await expect(
      registration.rotateCredentials({ user: "u", password: "new" }, { signal }),
    ).rejects.toBe(signal.reason);
    await registration.update({ shard: "s" });
    expect((await recordsOf(store, "api")).hosts).toMatchObject([
      { shard: "s", weight: undefined, password: "p" },
    ]);
  });
});

test("a listener given twice is two, each with its own undo", async () => {
  const registration = discover({ store: memoryStore() }).register("api", privateHost);
  let calls = 0;
  const listener = () => (calls += 1);
  const undo = registration.on("state", listener);
  registration.on("state", listener);
  undo();
  await registration.waitRegistration();
  expect(calls).toBe(1);
});

test("credential changes end with the registration, also while the store is away", async () => {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const registration = discover({ store, timeoutMs: 100 }).register("api", publicHost("u", "p"));
  await clock.advance(10);
  const next = registration.credentialChanges().next();
  store.outage(true);
  const ended = registration.unregister();
  await clock.advance(200);
  await ended;
  expect(await next).toEqual({ done: true, value: undefined });
  expect(await registration.credentialChanges().next()).toEqual({ done: true, value: undefined });
  store.outage(false);
  await clock.advance(2_000);
});

test("a change that changes nothing is not waited for", async () => {
  const clock = manualClock();
  const registration = discover({ store: memoryStore({ clock }) }).register("api", {
    ...privateHost,
    user: "u",
    password: "p",
  });
  await clock.advance(10);
  const done: string[] = [];
  void registration
    .rotateCredentials({ user: "u", password: "p" })
    .then(() => done.push("rotated"));
  void registration.drain({ delayMs: 10 }).then(() => done.push("drained"));
  void registration.drain({ delayMs: 20 }).then(() => done.push("drained again"));
  await clock.advance(100);
  expect(done).toEqual(["rotated", "drained", "drained again"]);
});
