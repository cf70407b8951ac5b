import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { Discovery, type Health } from "../../src/index.ts";
import { startProxy } from "../../src/testing/index.ts";
import { apis, seen } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";

const host = { privateHostname: "node.internal.dev", ports: { http: 80 } };

/** Waits until the health is like this. */
async function becomes(discovery: Discovery, health: object, withinMs = 10_000): Promise<Health> {
  return eventually(() => {
    const now = discovery.health();
    expect(now).toMatchObject(health);
    return now;
  }, withinMs);
}

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;

  test("shows the way to etcd: none yet, the one in use, why there is none, and the one that is back", async () => {
    await using etcd = await start();
    await using proxy = await startProxy(etcd.endpoint);
    await using discovery = new Discovery({ api, endpoints: [proxy.endpoint], ttlSeconds: 2 });
    expect(discovery.health()).toMatchObject({
      etcd: { endpoint: undefined, lastAnswerMs: undefined, revision: 0, lastError: undefined },
      lease: undefined,
    });
    expect(proxy.connections).toBe(0);

    const service = `service-${randomUUID()}`;
    const registration = discovery.register(service, host);
    const changes = discovery.changes(service);
    await registration.waitRegistration();
    const key = `/services/${service}/${registration.uuid}`;
    const written = seen(await etcdApi.raw(etcd).get(key));
    const good = await becomes(discovery, {
      etcd: { endpoint: proxy.endpoint, lastError: undefined },
      lease: { ttlSeconds: 2 },
      registrations: [{ uuid: registration.uuid, state: "registered", lastError: undefined }],
      services: [{ service, source: "live", ageMs: 0, hosts: 1, resyncs: 0, lastError: undefined }],
    });
    expect(good.etcd.revision).toBeGreaterThanOrEqual(written?.revision ?? Infinity);
    expect(good.services[0]?.revision).toBeGreaterThanOrEqual(written?.revision ?? Infinity);
    expect(good.lease?.remainingMs).toBeLessThanOrEqual(2_000);

    proxy.refuse();
    const failed = {
      code: "UNAVAILABLE",
      message: expect.stringContaining(proxy.endpoint) as string,
    };
    const lost = await becomes(discovery, {
      etcd: { endpoint: undefined, lastError: failed },
      lease: undefined,
      registrations: [{ state: "lost", lastError: { code: "UNAVAILABLE" } }],
      services: [{ source: "stale", hosts: 1, lastError: { code: "UNAVAILABLE" } }],
    });
    expect(lost.etcd.lastAnswerMs).toBeGreaterThan(1_000);
    expect(lost.services[0]?.ageMs).toBeGreaterThan(1_000);
    expect(lost.etcd.revision).toBe(discovery.health().etcd.revision);

    proxy.heal();
    const back = await becomes(discovery, {
      etcd: { endpoint: proxy.endpoint, lastError: undefined },
      registrations: [{ state: "registered", lastError: undefined }],
      services: [{ source: "live", ageMs: 0, hosts: 1, lastError: undefined }],
    });
    expect(back.etcd.revision).toBeGreaterThan(good.etcd.revision);
    await changes.return?.();
    await discovery.close();
    const closed = discovery.health();
    expect(closed).toMatchObject({ lease: undefined, registrations: [], services: [] });
    expect(closed.etcd.endpoint).toBeUndefined();
  });

  test("counts the listings after a compaction, and costs next to nothing", async () => {
    await using etcd = await start();
    await using proxy = await startProxy(etcd.endpoint);
    await using discovery = new Discovery({ api, endpoints: [proxy.endpoint] });
    const service = `service-${randomUUID()}`;
    const subscription = discovery.subscribe(service);
    await subscription.waitReady();
    await becomes(discovery, { services: [{ source: "live", resyncs: 0 }] });
    proxy.refuse();
    await becomes(discovery, { services: [{ source: "stale" }] });
    const raw = etcdApi.raw(etcd);
    for (const id of ["a", "b"]) await raw.put(`/services/${service}/${id}`, "{}");
    await etcdApi.forget(etcd);
    proxy.heal();
    await becomes(discovery, { services: [{ source: "live", resyncs: 1, driftRepaired: 0 }] });
    const since = performance.now();
    for (let call = 0; call < 1_000; call += 1) discovery.health();
    expect((performance.now() - since) / 1_000).toBeLessThan(1);
  });

  test("never carries what one signs in or serves with", async () => {
    await using etcd = await start();
    await etcdApi.askForPasswords(etcd, { rootPassword: "root-secret" });
    const service = `service-${randomUUID()}`;
    const own = { ...host, hostname: "x.dev", public: true, user: "admin", password: "own-secret" };
    // One after the other: the v2 API hashes the password of each request with much effort.
    const healthOf = async (password: string, expected: object): Promise<Health> => {
      const auth = { username: "root", password };
      await using discovery = new Discovery({ api, endpoints: etcd.endpoints, auth });
      discovery.register(service, own);
      void discovery
        .subscribe(service)
        .waitReady()
        .catch(() => {});
      return await becomes(discovery, expected, 20_000);
    };
    const good = await healthOf("root-secret", {
      registrations: [{ state: "registered" }],
      services: [{ source: "live", hosts: 1 }],
    });
    const bad = await healthOf("wrong-secret", {
      registrations: [{ state: "registering", lastError: { code: "UNAUTHENTICATED" } }],
      services: [{ source: "stale", lastError: { code: "UNAUTHENTICATED" } }],
    });
    expect(JSON.stringify([good, bad])).not.toMatch(/secret|admin/);
  }, 60_000);
});
