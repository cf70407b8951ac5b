import { afterEach, expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import type { Registration } from "../../../src/index.ts";
import type { Session, Store } from "../../../src/store/store.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { collect } from "../../support/collect.ts";
import { eventually } from "../../support/eventually.ts";
import { recordsOf } from "../../support/records.ts";
import { statesOf } from "../../support/registrations.ts";

const open: Discovery[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((discovery) => discovery.close()));
});

/** A store whose sessions become outdated when the test says so. */
function outdatable(): { store: Store; sessions: Session[]; outdate: () => void; fail: boolean } {
  const inner = memoryStore();
  const sessions: Session[] = [];
  const ends: AbortController[] = [];
  const stage = { fail: false };
  const store = new Proxy<Store>(inner, {
    get(target, name) {
      if (name === "openSession") {
        return async (...args: Parameters<Store["openSession"]>) => {
          if (stage.fail) throw new Error("not now");
          const session = await target.openSession(...args);
          const end = new AbortController();
          ends.push(end);
          sessions.push(Object.assign(session, { outdated: end.signal }));
          return session;
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  return Object.assign(stage, { store, sessions, outdate: () => ends.at(-1)?.abort() });
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
  const c = discovery.register("web", { hostname: "c", ports: { http: 80 } });
  await registered(a, b, c);
  const subscription = discovery.subscribe("api");
  const events = collect(subscription, (event) => event);
  await subscription.waitReady();
  const states = [a, b, c].map(statesOf);
  const before = await recordsOf(store, "api");

  outdate();
  await eventually(() => expect(sessions.map(({ ended }) => ended.aborted)).toEqual([true, false]));
  expect(await recordsOf(store, "api")).toEqual(before);
  expect(states).toEqual([[], [], []]);
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
  stage.fail = true;
  stage.outdate();
  await host.update({ weight: 2 });
  expect(stage.sessions.map(({ ended }) => ended.aborted)).toEqual([false]);
  stage.fail = false;
  await eventually(() =>
    expect(stage.sessions.map(({ ended }) => ended.aborted)).toEqual([true, false]),
  );
  expect(states).toEqual([]);
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
