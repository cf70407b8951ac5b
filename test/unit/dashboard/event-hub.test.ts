import { describe, expect, test } from "vitest";
import { EventHub } from "../../../src/dashboard/event-hub.ts";
import { DiscoveryError } from "../../../src/errors.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { FakeCatalogue, hostOf, infoOf } from "./fake-catalogue.ts";
import { FakeResponse } from "./fake-response.ts";

function stage(prepare: (catalogue: FakeCatalogue) => void = () => {}) {
  const catalogue = new FakeCatalogue();
  prepare(catalogue);
  const clock = manualClock();
  const hub = new EventHub(catalogue, { clock, endpoint: () => "http://10.0.0.1:2379" });
  const listen = (lastId?: string) => {
    const browser = new FakeResponse();
    hub.add(browser.response, lastId);
    return browser;
  };
  return { catalogue, clock, hub, listen };
}

const keys = (hosts: unknown): string[] => (hosts as { key: string }[]).map(({ key }) => key);

describe("whoever listens", () => {
  test("is told all there is first, in pieces, and then that this is all", () => {
    const { listen } = stage((catalogue) => {
      const hosts = Array.from({ length: 600 }, (_, index) => hostOf("api", `h-${index}`));
      catalogue.service("api", hosts, infoOf("api", { critical: true }));
    });
    const events = listen().take();
    expect(events.map(({ event }) => event)).toEqual([
      "reset",
      ...["update", "update", "update", "update"],
      "ready",
    ]);
    expect(events[0]?.data["state"]).toEqual({ source: "live", endpoint: "http://10.0.0.1:2379" });
    expect(events[1]?.data["services"]).toEqual([{ name: "api", critical: true }]);
    expect(events.slice(2, 5).flatMap(({ data }) => keys(data["hosts"]))).toHaveLength(600);
    expect(events.slice(0, -1).every(({ id }) => id === undefined)).toBe(true);
    expect(events.at(-1)?.id).toMatch(/^[0-9a-f-]{36}-0$/);
  });

  test("is told of a change at once, and of those that follow in one batch 50 ms later", async () => {
    const { catalogue, clock, listen } = stage();
    const browser = listen();
    await clock.advance(100);
    browser.take();
    catalogue.up(hostOf("api", "one"));
    await clock.advance(0);
    expect(browser.take().map(({ data }) => keys(data["hosts"]))).toEqual([["api/one"]]);
    catalogue.up(hostOf("api", "two"));
    catalogue.down(hostOf("api", "one"), "expired");
    await clock.advance(49);
    expect(browser.take()).toEqual([]);
    await clock.advance(1);
    const [batch, ...more] = browser.take();
    expect(more).toEqual([]);
    expect(keys(batch?.data["hosts"])).toEqual(["api/two"]);
    expect(batch?.data["goneHosts"]).toEqual(["api/one"]);
    expect(batch?.data["log"]).toMatchObject([
      { type: "up", key: "api/two" },
      { type: "down", key: "api/one", reason: "expired" },
    ]);
  });

  test("is told what it has missed, by the id that it comes back with", async () => {
    const { catalogue, clock, listen } = stage();
    const browser = listen();
    catalogue.up(hostOf("api", "one"));
    await clock.advance(50);
    const id = browser.take().at(-1)?.id;
    browser.end();
    catalogue.up(hostOf("api", "two"));
    await clock.advance(50);
    catalogue.down(hostOf("api", "one"));
    await clock.advance(50);
    const events = listen(id).take();
    expect(events.map(({ event }) => event)).toEqual(["update", "ready"]);
    expect(keys(events[0]?.data["hosts"])).toEqual(["api/two"]);
    expect(events[0]?.data["goneHosts"]).toEqual(["api/one"]);
    expect(events[0]?.data["log"]).toHaveLength(2);
    expect(events[1]?.id).toMatch(/-3$/);
  });

  test.each(["", "another-boot-1", "nonsense", "-1", "9999999999999999999999"])(
    "is told all there is, if it comes with %j",
    (id) => {
      const { listen } = stage((catalogue) => catalogue.service("api", [hostOf("api", "one")]));
      expect(listen(id).take()[0]?.event).toBe("reset");
    },
  );

  test("is told all there is, if it was away for more than is remembered", async () => {
    const { catalogue, clock, listen } = stage();
    const browser = listen();
    const id = browser.take().at(-1)?.id;
    browser.end();
    for (let index = 0; index < 1_001; index += 1) {
      catalogue.up(hostOf("api", "one", { shard: `s-${index}` }));
      await clock.advance(50);
    }
    expect(listen(id).take()[0]?.event).toBe("reset");
  });

  test("is told every ten seconds that it hears all there is", async () => {
    const { clock, listen } = stage();
    const browser = listen();
    browser.take();
    await clock.advance(9_999);
    expect(browser.take()).toEqual([]);
    await clock.advance(1);
    expect(browser.take().map(({ event }) => event)).toEqual(["ping"]);
  });

  test("is told that etcd is away, and why when that is known", async () => {
    const { catalogue, clock, listen } = stage();
    const browser = listen();
    browser.take();
    catalogue.away(new Error("connection refused"));
    await clock.advance(50);
    const state = browser.take()[0]?.data["state"];
    expect(state).toMatchObject({ source: "stale", error: "connection refused" });
    catalogue.freshness = { ...catalogue.freshness, lastError: new Error("no leader") };
    await clock.advance(1_050);
    expect(browser.take()[0]?.data["state"]).toMatchObject({ error: "no leader" });
  });

  test("is told that etcd refuses, which is another trouble", async () => {
    const { catalogue, clock, listen } = stage();
    const browser = listen();
    browser.take();
    catalogue.away(new DiscoveryError("PERMISSION_DENIED", "no role"));
    await clock.advance(50);
    expect(browser.take()[0]?.data["state"]).toMatchObject({ denied: true, error: "no role" });
  });

  test("is not told that what was there before has come now", async () => {
    const { catalogue, clock, listen } = stage((fake) => (fake.ready = false));
    const browser = listen();
    browser.take();
    catalogue.up(hostOf("api", "one"));
    catalogue.ready = true;
    catalogue.up(hostOf("api", "two"));
    await clock.advance(50);
    const [batch] = browser.take();
    expect(batch?.data["log"]).toMatchObject([{ key: "api/two" }]);
    const hosts = batch?.data["hosts"] as { since?: number }[];
    expect(hosts.map(({ since }) => typeof since)).toEqual(["undefined", "number"]);
  });

  test("is told of a service that is gone", async () => {
    const { catalogue, clock, listen } = stage((fake) => fake.service("api"));
    const browser = listen();
    browser.take();
    catalogue.gone("api");
    await clock.advance(50);
    expect(browser.take()[0]?.data).toMatchObject({ goneServices: ["api"] });
  });
});

describe("a browser that does not keep up", () => {
  test("is told what it missed as it is then, however much that was", async () => {
    const { catalogue, clock, listen } = stage();
    const browser = listen();
    browser.take();
    browser.full = true;
    for (let index = 0; index < 100; index += 1) {
      catalogue.up(hostOf("api", "one", { shard: `s-${index}` }));
      catalogue.up(hostOf("api", `brief-${index}`));
      catalogue.down(hostOf("api", `brief-${index}`));
      await clock.advance(50);
    }
    // The one that filled it.
    expect(browser.take()).toHaveLength(1);
    browser.drain();
    const [event, ...more] = browser.take();
    expect(more).toEqual([]);
    expect(event?.data["hosts"]).toMatchObject([{ key: "api/one", shard: "s-99" }]);
    expect(event?.data["goneHosts"]).toHaveLength(99);
    catalogue.up(hostOf("api", "two"));
    await clock.advance(50);
    expect(keys(browser.take()[0]?.data["hosts"])).toEqual(["api/two"]);
  });

  test("gets the pieces of all there is as it takes them, and then what changed meanwhile", async () => {
    const { catalogue, clock, hub } = stage((fake) => {
      const hosts = Array.from({ length: 600 }, (_, index) => hostOf("api", `h-${index}`));
      fake.service("api", hosts);
    });
    const browser = new FakeResponse();
    browser.full = true;
    hub.add(browser.response, undefined);
    expect(browser.take().map(({ event }) => event)).toEqual(["reset"]);
    browser.drain(true);
    expect(browser.take().map(({ event }) => event)).toEqual(["update"]);
    catalogue.down(hostOf("api", "h-599"));
    await clock.advance(50);
    expect(browser.take()).toEqual([]);
    browser.drain();
    const events = browser.take();
    expect(events.map(({ event }) => event)).toEqual([
      ...["update", "update", "update"],
      "ready",
      "update",
    ]);
    expect(events.at(-1)?.data["goneHosts"]).toEqual(["api/h-599"]);
  });

  test("is given up after 30 s", async () => {
    const { catalogue, clock, hub, listen } = stage();
    const browser = listen();
    browser.full = true;
    catalogue.up(hostOf("api", "one"));
    await clock.advance(50);
    await clock.advance(29_900);
    expect(browser.destroyed).toBe(false);
    await clock.advance(100);
    expect(browser.destroyed).toBe(true);
    expect(hub.size).toBe(0);
  });
});

test("a hub that is closed leaves nothing behind", async () => {
  const { catalogue, clock, hub, listen } = stage();
  const browser = listen();
  catalogue.up(hostOf("api", "one"));
  hub.close();
  expect(browser.ended).toBe(true);
  expect(hub.size).toBe(0);
  expect(catalogue.listeners).toBe(0);
  expect(clock.timers).toBe(0);
});
