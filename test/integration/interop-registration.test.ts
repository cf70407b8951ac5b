import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { GoHost, goLookup, GoSubscriber } from "../support/go-client.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(() => etcd.stop());

const connect = (ttlSeconds = 3) =>
  new Discovery({ api: 2, endpoints: etcd.endpoints, ttlSeconds });

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};
const privateHost = { hostname: "node-1.internal.dev", ports: { http: 8080 } };

/** Waits until a key has been refreshed this often, and returns it as it is then. */
async function refreshed(key: string, times: number) {
  let last = (await raw.get(key))?.modifiedIndex;
  let seen = 0;
  return await eventually(
    async () => {
      const node = await raw.get(key);
      if (node?.modifiedIndex !== last) seen += 1;
      last = node?.modifiedIndex;
      return seen >= times && node;
    },
    15_000,
    20,
  );
}

describe.concurrent("a Go subscriber", () => {
  test.each([
    ["public", publicHost],
    ["private", privateHost],
  ])("sees a %s host of ours come once, and leave once", async (kind, options) => {
    const service = `seen-${kind}`;
    await using subscriber = await new GoSubscriber(raw, service).start();
    await using discovery = connect();
    const registration = discovery.register(service, options);
    await registration.waitRegistration();
    const { uuid } = registration;
    const key = `/services/${service}/${uuid}`;
    await eventually(() => subscriber.events.length > 0);
    expect(subscriber.events[0]).toMatchObject({ action: "set", node: { key } });
    expect(subscriber.events[0]).not.toHaveProperty("prevNode");

    // Refreshes wake nobody.
    const before = await raw.get(key);
    const after = await refreshed(key, 3);
    expect(after).toMatchObject({ value: before?.value, createdIndex: before?.createdIndex });
    expect(subscriber.events).toHaveLength(1);

    await registration.update({ weight: 5 });
    if (kind === "public") {
      for (const password of ["1", "2", "3"]) {
        await registration.rotateCredentials({ user: "user", password });
      }
      expect((await goLookup(raw, service)).hosts).toMatchObject([{ uuid, password: "3" }]);
    }
    expect((await goLookup(raw, service)).hosts).toHaveLength(1);
    await registration.unregister();
    await eventually(() => subscriber.gone.length > 0);
    const actions = subscriber.actions(key);
    expect(actions.at(-1)).toBe("delete");
    expect(actions.slice(0, -1)).not.toContain("delete");
    expect(actions).not.toContain("expire");
    expect([subscriber.fresh, subscriber.gone]).toEqual([[uuid], [uuid]]);
    for (const { node, prevNode } of subscriber.events.slice(1)) {
      expect([node.key, prevNode?.key]).toEqual([key, key]);
    }
    expect((await goLookup(raw, service)).hosts).toEqual([]);
    expect(subscriber.failure).toBeUndefined();
  });

  test("sees hosts that drain or whose discovery is closed leave once", async () => {
    await using subscriber = await new GoSubscriber(raw, "leaving").start();
    const discovery = connect();
    const registrations = [1, 2, 3].map(() => discovery.register("leaving", privateHost));
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    await registrations[0]?.drain({ delayMs: 100 });
    await discovery.close();
    await eventually(() => subscriber.gone.length >= 3);
    const uuids = registrations.map(({ uuid }) => uuid).sort();
    expect(subscriber.fresh.toSorted()).toEqual(uuids);
    expect(subscriber.gone.toSorted()).toEqual(uuids);
    expect(subscriber.events.map(({ action }) => action)).not.toContain("expire");
    expect(await raw.list("/services/leaving")).toEqual(new Map());
  });

  test("sees a killed process of ours expire, and nothing else", async () => {
    await using subscriber = await new GoSubscriber(raw, "killed").start();
    await using discovery = connect();
    const subscription = discovery.subscribe("killed");
    await subscription.waitReady();
    const events = collect(subscription, (each) => each.reason ?? each.type);
    await using child = await runChild(
      `
      const discovery = new Discovery({ ttlSeconds: 2 });
      const registration = discovery.register("killed", ${JSON.stringify(publicHost)});
      await registration.waitRegistration();
      say(registration.uuid);
      `,
      { env: { ETCD_API: "2", ETCD_HOSTS: etcd.endpoint } },
    );
    const uuid = await child.heard<string>(() => true);
    await eventually(() => events.items.length === 1);
    child.kill("SIGKILL");
    await child.exit;
    await eventually(() => subscriber.gone.length > 0);
    expect(subscriber.actions(`/services/killed/${uuid}`)).toEqual(["set", "expire"]);
    expect([subscriber.fresh, subscriber.gone]).toEqual([[uuid], [uuid]]);
    await eventually(() => expect(events.items).toEqual(["up", "expired"]));
    expect(await raw.get("/services_infos/killed")).toBeDefined();
  });

  test("sees a process of ours that is told to end delete its host", async () => {
    await using subscriber = await new GoSubscriber(raw, "told").start();
    await using child = await runChild(
      `
      const discovery = new Discovery();
      discovery.closeOn("SIGTERM");
      const registration = discovery.register("told", ${JSON.stringify(publicHost)});
      await registration.waitRegistration();
      say(registration.uuid);
      `,
      { env: { ETCD_API: "2", ETCD_HOSTS: etcd.endpoint } },
    );
    const uuid = await child.heard<string>(() => true);
    child.kill("SIGTERM");
    expect(await child.exit).toEqual({ code: null, signal: "SIGTERM", stderr: "" });
    await eventually(() => subscriber.gone.length > 0);
    expect(subscriber.actions(`/services/told/${uuid}`).at(-1)).toBe("delete");
    expect([subscriber.fresh, subscriber.gone]).toEqual([[uuid], [uuid]]);
  });

  test("sees a host of ours that was deleted by hand come back under its key", async () => {
    await using subscriber = await new GoSubscriber(raw, "deleted").start();
    await using discovery = connect();
    const registration = discovery.register("deleted", publicHost);
    await registration.waitRegistration();
    const { uuid } = registration;
    const key = `/services/deleted/${uuid}`;
    const { value } = (await raw.get(key)) ?? {};
    await raw.delete(key);
    await eventually(() => subscriber.fresh.length === 2);
    expect([subscriber.fresh, subscriber.gone]).toEqual([[uuid, uuid], [uuid]]);
    expect((await raw.get(key))?.value).toBe(value);
    expect((await goLookup(raw, "deleted")).hosts).toHaveLength(1);
  });
});

describe.concurrent("the time to live of a host", () => {
  test("is never near its end for somebody who looks more than once a second", async () => {
    await using discovery = connect(5);
    const registration = discovery.register("looked-at", publicHost);
    await registration.waitRegistration();
    await using go = await new GoHost(raw, "looked-at", { name: "go", ports: {} }).start();
    const key = `/services/looked-at/${registration.uuid}`;
    const seen = { ours: new Set<number>(), go: new Set<number>() };
    const until = performance.now() + 6_500;
    while (performance.now() < until) {
      seen.ours.add((await raw.get(key))?.ttl ?? 0);
      seen.go.add((await raw.get(go.key))?.ttl ?? 0);
      await sleep(100);
    }
    expect(Math.min(...seen.ours)).toBeGreaterThanOrEqual(2);
    // The Go client's own, rewritten when four of its five seconds are over.
    expect(seen.go).toContain(2);
  });
});

describe.concurrent("where etcd asks for a password", () => {
  test("ours and Go's are one service", async () => {
    // etcd's v2 API hashes the password at each request, which takes it long on a busy machine.
    const patient = { ttlSeconds: 60, timeoutMs: 15_000 };
    await using locked = await startEtcd({ args: ["--enable-v2"] });
    const root = await new RawEtcdV2(locked.endpoint).enableAuth("pass:word");
    await using discovery = new Discovery({
      api: 2,
      endpoints: locked.endpoints,
      auth: { username: "root", password: "pass:word" },
      ...patient,
    });
    await using subscriber = await new GoSubscriber(root, "locked").start();
    await using go = await new GoHost(
      root,
      "locked",
      { name: "go", ports: { http: "1" } },
      patient,
    ).start();
    const registration = discovery.register("locked", privateHost);
    await registration.waitRegistration();
    const both = [go.uuid, registration.uuid].sort();
    expect((await discovery.get("locked").all()).map(({ uuid }) => uuid).sort()).toEqual(both);
    await registration.unregister();
    await eventually(() => subscriber.gone.length > 0);
    expect(subscriber.fresh.sort()).toEqual(both);
    const stranger = new RawEtcdV2(locked.endpoint);
    await expect(stranger.get("/services")).rejects.toMatchObject({ errorCode: 110 });
  });
});
