import { afterEach, expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import { DiscoveryError } from "../../../src/errors.ts";
import type { Registration } from "../../../src/index.ts";
import type {
  CallOptions,
  HostName,
  Session,
  Store,
  WriteResult,
} from "../../../src/store/store.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { collect } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { recordsOf } from "../../support/records.ts";
import { statesOf } from "../../support/registrations.ts";

const open: Discovery[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((discovery) => discovery.close()));
});

/** A store whose sessions become outdated, and whose calls fail, when the test says so. */
function outdatable() {
  const inner = memoryStore();
  const sessions: Session[] = [];
  const ends: AbortController[] = [];
  const lives = new Map<string, Session>();
  const stage = {
    sessions,
    noSessions: false,
    noWrites: false,
    outdate: () => ends.at(-1)?.abort(),
  };
  const open = async (...args: Parameters<Store["openSession"]>): Promise<Session> => {
    if (stage.noSessions) throw new Error("not now");
    const session = await inner.openSession(...args);
    const end = new AbortController();
    ends.push(end);
    const retire = async (options: CallOptions): Promise<readonly HostName[]> => {
      const hosts = [...lives].filter(([, by]) => by === session).map(([id]) => id);
      if (hosts.length === 0) await session.close(options);
      return hosts.map((id) => ({ service: "api", id }));
    };
    sessions.push(Object.assign(session, { outdated: end.signal, retire }));
    return session;
  };
  const write = async (...args: Parameters<Store["write"]>): Promise<WriteResult> => {
    if (stage.noWrites) throw new DiscoveryError("UNAVAILABLE", "no write now");
    const result = await inner.write(...args);
    for (const change of result.applied ? args[0].changes : []) {
      if (change.kind === "put-host") lives.set(change.id, change.session);
      if (change.kind === "delete-host") lives.delete(change.id);
    }
    return result;
  };
  const store = new Proxy<Store>(inner, {
    get(target, name) {
      if (name === "openSession") return open;
      if (name === "write") return write;
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return Object.assign(stage, { store });
}

function discover(store: Store): Discovery {
  const discovery = new Discovery({ store });
  open.push(discovery);
  return discovery;
}

const registered = async (...registrations: Registration[]): Promise<void> =>
  void (await Promise.all(registrations.map((each) => each.waitRegistration())));

test("all hosts move to another session, and nobody notices", async () => {
  const { store, sessions, outdate } = outdatable();
  const discovery = discover(store);
  const a = discovery.register("api", { hostname: "a", ports: { http: 80 } });
  const b = discovery.register("api", { hostname: "b", ports: { http: 80 }, public: true });
  await registered(a, b);
  const subscription = discovery.subscribe("api");
  const events = collect(subscription, (event) => event);
  await subscription.waitReady();
  const states = [a, b].map(statesOf);
  const before = await recordsOf(store, "api");

  outdate();
  await eventually(() => expect(sessions.map(({ ended }) => ended.aborted)).toEqual([true, false]));
  expect(await recordsOf(store, "api")).toEqual(before);
  expect(states).toEqual([[], []]);
  expect(events.items).toEqual([]);

  // What they live by now is the other one.
  await sessions[1]?.close({ timeoutMs: 1_000 });
  await eventually(() => expect(states).toEqual(states.map(() => ["lost", "registered"])));
});

test("a host keeps its session until another can be had", async () => {
  const stage = outdatable();
  const discovery = discover(stage.store);
  const host = discovery.register("api", { hostname: "a", ports: { http: 80 } });
  await registered(host);
  const states = statesOf(host);
  stage.noSessions = true;
  stage.outdate();
  await host.update({ weight: 2 });
  expect(stage.sessions.map(({ ended }) => ended.aborted)).toEqual([false]);
  stage.noSessions = false;
  await eventually(() =>
    expect(stage.sessions.map(({ ended }) => ended.aborted)).toEqual([true, false]),
  );
  expect(states).toEqual([]);
});

test("a session that a record lives by is not given back, whatever becomes of the next ones", async () => {
  const stage = outdatable();
  const discovery = discover(stage.store);
  const host = discovery.register("api", { hostname: "a", ports: { http: 80 } });
  await registered(host);
  const { sessions } = stage;
  const lives = () => sessions.map(({ ended }) => !ended.aborted);
  stage.noWrites = true;
  stage.outdate();
  await eventually(() => expect(lives()).toEqual([true, true]));
  await sessions[1]?.close({ timeoutMs: 1_000 });
  // The one that replaces it is outdated in its turn, and so on: of those that nothing lives by none stays.
  for (const count of [3, 4, 5]) {
    await eventually(() => expect(sessions).toHaveLength(count));
    stage.outdate();
  }
  await eventually(() => expect(sessions).toHaveLength(6));
  await eventually(() => expect(lives()).toEqual([true, false, false, false, false, true]));
  expect((await recordsOf(stage.store, "api")).hosts).toHaveLength(1);
  stage.noWrites = false;
  await eventually(() => expect(lives()).toEqual([false, false, false, false, false, true]), 5_000);
  expect((await recordsOf(stage.store, "api")).hosts).toHaveLength(1);
  await eventually(() => expect(host.state).toBe("registered"));
});

test("a host that comes and one that leaves meanwhile are where they belong", async () => {
  const { store, sessions, outdate } = outdatable();
  const discovery = discover(store);
  const leaving = discovery.register("api", { hostname: "a", ports: { http: 80 } });
  await registered(leaving);
  outdate();
  const coming = discovery.register("api", { hostname: "b", ports: { http: 80 } });
  await Promise.all([leaving.unregister(), registered(coming)]);
  await eventually(() => expect(sessions[0]?.ended.aborted).toBe(true));
  const { hosts } = await recordsOf(store, "api");
  expect(hosts.map(({ uuid }) => uuid)).toEqual([coming.uuid]);
});

test("closing in the midst of it leaves no session", async () => {
  const { store, sessions, outdate } = outdatable();
  const discovery = discover(store);
  await registered(discovery.register("api", { hostname: "a", ports: { http: 80 } }));
  outdate();
  await discovery.close();
  await eventually(() => expect(sessions.every(({ ended }) => ended.aborted)).toBe(true));
  expect((await recordsOf(store, "api")).hosts).toEqual([]);
});
