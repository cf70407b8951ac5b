import { afterAll, beforeAll, expect, test } from "vitest";
import { isDiscoveryError } from "../../src/errors.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import {
  etcd3Store,
  follow,
  hostsOf,
  patiently,
  putHost,
  putInfo,
  read,
  write,
} from "../support/etcd3.ts";
import { eventually } from "../support/eventually.ts";

/** How long a token lives on this etcd. */
const tokenSeconds = 2;

const alice = { username: "alice", password: "wonderland" };
let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({
    args: ["--auth-token-ttl", String(tokenSeconds)],
    auth: {
      rootPassword: "root",
      roles: [
        {
          name: "demo",
          permissions: ["/services/demo", "/services_infos/demo"].map((prefix) => ({
            access: "readwrite" as const,
            prefix,
          })),
        },
      ],
      users: [{ name: alice.username, password: alice.password, roles: ["demo"] }],
    },
  });
});

afterAll(() => etcd.stop());

const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "no failure",
    (error: unknown) => (isDiscoveryError(error) ? [error.code, error.message] : error),
  );

test("a user reads, writes and follows what its roles allow", async () => {
  await using store = etcd3Store(etcd.endpoints, { auth: alice });
  const session = await store.openSession({ ...patiently, ttlSeconds: 5 });
  const watch = follow(store, {
    service: "demo",
    part: "all",
    from: (await read(store, "demo")).revision + 1,
  });
  await store.write(write("demo", putHost("a", "1", session)), patiently);
  expect(hostsOf(await read(store, "demo"))).toEqual(["a=1"]);
  await eventually(() => expect(watch.changes).toEqual(["put a=1"]));
  await session.close(patiently);
  await eventually(() => expect(watch.changes).toEqual(["put a=1", "delete a"]));
  expect(watch.faults).toEqual([]);
});

test("a wrong password is refused, and so is its lack", async () => {
  await using wrong = etcd3Store(etcd.endpoints, { auth: { ...alice, password: "jabberwock" } });
  await using none = etcd3Store(etcd.endpoints);
  const watch = follow(wrong, { service: "demo", part: "all", from: 1 });
  for (const store of [wrong, none]) {
    expect(await failure(read(store, "demo"))).toEqual(["UNAUTHENTICATED", expect.any(String)]);
    expect(await failure(store.services({ ...patiently, alive: true }))).toEqual([
      "UNAUTHENTICATED",
      expect.any(String),
    ]);
    expect(await failure(store.write(write("demo", putInfo("i")), patiently))).toEqual([
      "UNAUTHENTICATED",
      expect.any(String),
    ]);
  }
  await eventually(() => expect(watch.end).toBe("refused"));
  expect(watch.faults).toEqual([]);
});

test("a role without permission is refused, naming the key", async () => {
  await using store = etcd3Store(etcd.endpoints, { auth: alice });
  expect(await failure(read(store, "other"))).toEqual([
    "PERMISSION_DENIED",
    expect.stringContaining("/services_infos/other"),
  ]);
  expect(await failure(store.write(write("other", putInfo("i")), patiently))).toEqual([
    "PERMISSION_DENIED",
    expect.stringContaining("/services_infos/other"),
  ]);
  expect(await failure(store.services({ ...patiently, alive: true }))).toEqual([
    "PERMISSION_DENIED",
    expect.stringContaining("/services/"),
  ]);
});

test("a write without permission does no harm to the others of its tick", async () => {
  await using store = etcd3Store(etcd.endpoints, { auth: alice });
  const session = await store.openSession({ ...patiently, ttlSeconds: 5 });
  const services = Array.from({ length: 40 }, (_, index) =>
    index === 17 ? "other" : `demo-${index}`,
  );
  const results = await Promise.all(
    services.map((service) =>
      failure(store.write(write(service, putHost("a", "1", session)), patiently)),
    ),
  );
  expect(results.filter((result) => result !== "no failure")).toEqual([
    ["PERMISSION_DENIED", expect.stringContaining("/services/other/a")],
  ]);
});

test("a watch without permission ends, and leaves the others alone", async () => {
  await using store = etcd3Store(etcd.endpoints, { auth: alice });
  const { revision } = await read(store, "demo");
  const allowed = follow(store, { service: "demo", part: "all", from: revision + 1 });
  const refused = follow(store, { service: "other", part: "all", from: revision + 1 });
  await eventually(() => expect(refused.end).toBe("refused"));
  await store.write(write("demo", putInfo("watched")), patiently);
  await eventually(() => expect(allowed.changes).toEqual(["put info=watched"]));
  expect([allowed.timesInterrupted, allowed.end]).toEqual([0, undefined]);
  expect([...allowed.faults, ...refused.faults]).toEqual([]);
});

test("a token that has run out is replaced, for calls, watches and sessions", async () => {
  let asked = 0;
  await using store = etcd3Store(etcd.endpoints, {
    auth: async () => {
      asked += 1;
      return alice;
    },
  });
  const session = await store.openSession({ ...patiently, ttlSeconds: 2 });
  await store.write(write("demo", putHost("b", "1", session)), patiently);
  expect(asked).toBe(1);
  // Only the session's stream is in use meanwhile, which etcd does not ask for a token again.
  const until = performance.now() + (tokenSeconds + 2) * 1_000;
  await eventually(() => performance.now() > until, 10_000);
  const watch = follow(store, {
    service: "demo",
    part: "all",
    from: (await read(store, "demo")).revision + 1,
  });
  const calls = Array.from({ length: 20 }, () => read(store, "demo"));
  await Promise.all(calls);
  expect(asked).toBe(2);
  await store.write(write("demo", putHost("b", "2", session)), patiently);
  await eventually(() => expect(watch.changes).toEqual(["put b=2"]));
  expect(session.ended.aborted).toBe(false);
});

test("a watch that is opened with a token that has run out signs in anew", async () => {
  let asked = 0;
  await using store = etcd3Store(etcd.endpoints, {
    auth: () => {
      asked += 1;
      return alice;
    },
  });
  const { revision } = await read(store, "demo");
  const first = follow(store, { service: "demo", part: "info", from: revision + 1 });
  await eventually(() => expect(first.timesEstablished).toBe(1));
  const until = performance.now() + (tokenSeconds + 2) * 1_000;
  await eventually(() => performance.now() > until, 10_000);
  const second = follow(store, { service: "demo", part: "info", from: revision + 1 });
  await eventually(() => expect(second.timesEstablished).toBe(1));
  expect(asked).toBe(2);
  await store.write(write("demo", putInfo("anew")), patiently);
  await eventually(() => expect([first.changes, second.changes].flat()).toHaveLength(2));
  expect([...first.faults, ...second.faults]).toEqual([]);
});

test("a restart forgets all tokens, and nobody notices", async () => {
  await using store = etcd3Store(etcd.endpoints, { auth: alice });
  const session = await store.openSession({ ...patiently, ttlSeconds: 10 });
  // It testifies afterwards that history is still the same.
  await store.write(write("demo", putHost("b", "1", session)), patiently);
  const watch = follow(store, {
    service: "demo",
    part: "all",
    from: (await read(store, "demo")).revision + 1,
  });
  await eventually(() => expect(watch.timesEstablished).toBe(1));
  await etcd.restart();
  await store.write(write("demo", putHost("c", "1", session)), patiently).catch(() =>
    // It may have been on its way when etcd went.
    store.write(write("demo", putHost("c", "1", session)), patiently),
  );
  await eventually(() => expect(watch.changes).toContain("put c=1"));
  await eventually(() => session.remainingMs > 8_000, 10_000);
  expect(session.ended.aborted).toBe(false);
  expect(watch.faults).toEqual([]);
});

test("a changed password is asked for at the next sign-in", async () => {
  const user = { name: "bob", password: "old" };
  await etcd.call("/v3/auth/user/add", user);
  await etcd.call("/v3/auth/user/grant", { user: "bob", role: "demo" });
  let password = "old";
  await using store = etcd3Store(etcd.endpoints, {
    auth: () => ({ username: "bob", password }),
  });
  await read(store, "demo");
  await etcd.call("/v3/auth/user/changepw", { name: "bob", password: "new" });
  expect(await failure(read(store, "demo"))).toEqual([
    "UNAUTHENTICATED",
    expect.stringContaining("bob"),
  ]);
  password = "new";
  await eventually(() => read(store, "demo"));
});
