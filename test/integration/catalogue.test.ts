import { randomUUID } from "node:crypto";
import { afterEach, describe, expect, inject, test } from "vitest";
import { Catalogue, type CatalogueEvent } from "../../src/catalogue/catalogue.ts";
import { Discovery, isDiscoveryError } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

function open(
  endpoints: readonly string[] = [inject("etcd")],
  prefix = `/catalogue-${randomUUID()}`,
) {
  const discovery = new Discovery({ endpoints, prefix, timeoutMs: 1_000, ttlSeconds: 2 });
  undo.push(() => discovery.close());
  return discovery;
}

function follow(discovery: Discovery, services?: readonly string[]) {
  const catalogue = new Catalogue(discovery, { services });
  undo.push(() => catalogue.close());
  const told: string[] = [];
  catalogue.on((event: CatalogueEvent) => {
    if (event.type === "freshness") told.push(`freshness ${catalogue.freshness.source}`);
    else if (event.type === "service" || event.type === "gone") {
      told.push(`${event.type} ${event.service}`);
    } else
      told.push(
        `${event.type} ${event.service} ${String(event.host)} ${event.reason ?? ""}`.trim(),
      );
  });
  return { catalogue, told };
}

const host = (privateHostname: string) => ({ privateHostname, ports: { http: 80 } });

describe("a catalogue", () => {
  test("shows all services and hosts, and tells of those that come, change and go", async () => {
    const discovery = open();
    const first = discovery.register("api", host("one"));
    await first.waitRegistration();
    const { catalogue, told } = follow(discovery);
    expect(catalogue.ready).toBe(false);
    expect(catalogue.freshness.source).toBe("none");
    await catalogue.waitReady();
    expect(catalogue.ready).toBe(true);
    expect(catalogue.freshness).toEqual({ source: "live", ageMs: 0, lastError: undefined });
    expect(told).toEqual(["service api", "up api one", "freshness live"]);
    expect(catalogue.services.get("api")?.hosts.map(String)).toEqual(["one"]);
    expect(catalogue.services.get("api")?.info?.name).toBe("api");

    told.length = 0;
    const second = discovery.register("db", host("two"));
    await eventually(() => expect(told).toEqual(["service db", "up db two"]));
    await second.update({ weight: 2 });
    await eventually(() => expect(told.at(-1)).toBe("update db two"));
    await second.unregister();
    await eventually(() => expect(told.at(-1)).toBe("down db two unregistered"));
    // Its info stays, and so does the service.
    expect([...catalogue.services.keys()].sort()).toEqual(["api", "db"]);
    expect(catalogue.services.get("db")?.hosts).toEqual([]);
  });

  test("of some services looks at no other", async () => {
    const discovery = open();
    await Promise.all(
      ["api", "db"].map((name) => discovery.register(name, host(name)).waitRegistration()),
    );
    const { catalogue } = follow(discovery, ["db", "later"]);
    await catalogue.waitReady();
    expect([...catalogue.services].map(([name, { hosts }]) => [name, hosts.map(String)])).toEqual([
      ["db", ["db"]],
      ["later", []],
    ]);
    expect(() => new Catalogue(discovery, { services: ["a/b"] })).toThrow(/service name/);
  });

  test("keeps what it knows while etcd is away, says so, and goes on", async () => {
    const etcd = await startEtcd();
    undo.push(() => etcd.stop());
    const discovery = open(etcd.endpoints);
    await discovery.register("api", host("one")).waitRegistration();
    const { catalogue } = follow(discovery);
    await catalogue.waitReady();
    await etcd.kill();
    await eventually(() => expect(catalogue.freshness.source).toBe("stale"));
    expect(catalogue.services.get("api")?.hosts.map(String)).toEqual(["one"]);
    await eventually(() => expect(catalogue.freshness.lastError).toBeInstanceOf(Error));
    await etcd.restart();
    await eventually(() => expect(catalogue.freshness.source).toBe("live"), 10_000);
    expect(catalogue.freshness.ageMs).toBe(0);
  });

  test("that is closed ends its wait and tells nothing more", async () => {
    const discovery = open(["http://127.0.0.1:1"]);
    const { catalogue, told } = follow(discovery);
    const ready = catalogue.waitReady().catch((error: unknown) => error);
    await catalogue.close();
    expect(isDiscoveryError(await ready, "CLOSED")).toBe(true);
    expect(told).toEqual([]);
    const signal = AbortSignal.abort(new Error("enough"));
    const other = new Catalogue(discovery);
    await expect(other.waitReady({ signal })).rejects.toThrow("enough");
    await discovery.close();
    await other.close();
  });
});
