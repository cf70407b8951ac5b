import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { type Child, runChild } from "../support/child.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

const prefix = `/process-${randomUUID()}`;
const env = { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix };
const raw = RawEtcd.at(inject("etcd"));

/** Long enough to start a process on a busy machine, and then to see that it does not end. */
const livesMs = 600;

const well = { code: 0, signal: null, stderr: "" };

/**
 * Says what is left once the last sockets are closed, which takes a turn or two. The pipes are the
 * standard streams, as the package opens none.
 */
const sayWhatIsLeft = `
  await new Promise((resolve) => setTimeout(resolve, 20));
  say({ left: process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap") });
`;

const host = `{ hostname: "node-1.internal.dev", ports: { http: 8080 } }`;

const children: Child[] = [];
afterAll(() => Promise.all(children.map((child) => child[Symbol.asyncDispose]())));

async function run(...args: Parameters<typeof runChild>): Promise<Child> {
  const child = await runChild(args[0], { env, ...args[1] });
  children.push(child);
  return child;
}

const ended = (child: Child) => Promise.race([child.exit, sleep(15_000, "still alive")]);

describe.concurrent("a process ends by itself", () => {
  test.each<[string, string]>([
    [
      "when its registration has ended, though the discovery is not closed",
      `
      const discovery = new Discovery();
      const registration = discovery.register("ends", ${host});
      await registration.waitRegistration();
      await registration.unregister();
      say("done");
      `,
    ],
    [
      "when its discovery was closed, with nothing left",
      `
      const discovery = new Discovery();
      const registration = discovery.register("ends", { ...${host}, public: true, password: "secret" });
      await registration.waitRegistration();
      const follow = async (events) => { for await (const event of events); };
      const all = [discovery.subscribe("ends"), discovery.changes("ends"), registration.credentialChanges()].map(follow);
      await discovery.get("ends").all();
      await registration.update({ weight: 2 });
      await discovery.close();
      await Promise.all(all);
      ${sayWhatIsLeft}
      say("done");
      `,
    ],
    [
      "after a lookup",
      `
      say({ hosts: await new Discovery().services() });
      say("done");
      `,
    ],
    [
      "beside a subscription that nobody waits on",
      `
      const subscription = new Discovery().subscribe("ends", { existing: true });
      await subscription.waitReady();
      say("done");
      `,
    ],
    [
      "after it left the loop over a subscription",
      `
      const discovery = new Discovery();
      setTimeout(() => discovery.register("leaves", ${host}), 50);
      for await (const each of discovery.subscribeNew("leaves")) break;
      await discovery.close();
      ${sayWhatIsLeft}
      say("done");
      `,
    ],
    [
      "after its signal was aborted while it waited for news",
      `
      const signal = AbortSignal.timeout(200);
      const error = await new Discovery().subscribe("ends", { signal }).next().catch((error) => error);
      say(error.name === "TimeoutError" ? "done" : String(error));
      `,
    ],
    [
      "when its registrations have ended while their checks are under way",
      `
      const { createServer } = await import("node:net");
      const held = new Set();
      // Accepts, and never answers.
      const server = createServer((socket) => held.add(socket.unref().on("error", () => {}))).unref();
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address();
      const discovery = new Discovery();
      for (const type of ["http", "grpc"]) {
        const check = { type, hostname: "127.0.0.1", port, timeoutMs: 60_000 };
        discovery.register("checked", ${host}, { check });
      }
      discovery.register("checked", ${host}, { check: () => new Promise(() => {}) });
      while (held.size < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      await discovery.close();
      server.close();
      for (const socket of held) socket.destroy();
      ${sayWhatIsLeft}
      say("done");
      `,
    ],
    ["when it has made a discovery and does nothing with it", `new Discovery(); say("done");`],
  ])("%s", async (_, script) => {
    const child = await run(script);
    expect(await ended(child)).toEqual(well);
    expect(child.said.at(-1)).toBe("done");
    const left = (child.said as { left?: unknown }[]).find((said) => said.left !== undefined);
    if (left !== undefined) expect(left).toEqual({ left: [] });
  });

  test("also where the package was required, and from the default discovery", async () => {
    const child = await run(
      `
      const registration = service.register("required", ${host});
      await registration.waitRegistration();
      say(await service.get("required").url());
      await service.defaultDiscovery().close();
      ${sayWhatIsLeft}
      `,
      { require: true },
    );
    expect(await ended(child)).toEqual(well);
    expect(child.said).toEqual(["http://node-1.internal.dev:8080", { left: [] }]);
  });

  test("without any etcd, as soon as its registration and its discovery are ended", async () => {
    await using etcd = await startEtcd();
    await etcd.kill();
    const child = await run(
      `
      const discovery = new Discovery();
      const registration = discovery.register("nowhere", ${host});
      const subscription = discovery.subscribe("nowhere");
      const news = subscription.next();
      const reason = await registration.waitRegistration({ signal: AbortSignal.timeout(500) }).catch((error) => error.name);
      const error = await discovery.get("nowhere", { timeoutMs: 300 }).one().catch(({ code }) => code);
      say({ reason, error });
      const before = process.cpuUsage();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      const { user, system } = process.cpuUsage(before);
      say({ cpuMs: (user + system) / 1_000 });
      await registration.unregister();
      await discovery.close();
      say(await news);
      ${sayWhatIsLeft}
      `,
      { env: { ETCD_HOSTS: etcd.endpoint } },
    );
    expect(await ended(child)).toEqual(well);
    const [first, usage, ...rest] = child.said;
    expect(first).toEqual({ reason: "TimeoutError", error: "UNAVAILABLE" });
    expect((usage as { cpuMs: number }).cpuMs).toBeLessThan(150);
    expect(rest).toEqual([{ done: true }, { left: [] }]);
  });
});

describe.concurrent("a process lives on", () => {
  test.each<[string, string]>([
    ["as long as it is registered", `new Discovery().register("lives", ${host}); say("alive");`],
    [
      "as long as it waits for news",
      `
      say("alive");
      for await (const event of new Discovery().subscribe("nobody"));
      `,
    ],
    [
      "as long as it is registered, also while it is not well",
      `
      new Discovery().register("lives", ${host}, { check: () => false });
      say("alive");
      `,
    ],
    [
      "as long as it is registered, also after the wait for it was given up",
      `
      const registration = new Discovery({ endpoints: ["http://127.0.0.1:9"] }).register("lives", ${host});
      await registration.waitRegistration({ signal: AbortSignal.timeout(100) }).catch(() => say("alive"));
      `,
    ],
  ])("%s", async (_, script) => {
    const child = await run(script);
    await child.heard((said) => said === "alive");
    expect(await Promise.race([child.exit, sleep(livesMs, "alive")])).toBe("alive");
    child.kill("SIGTERM");
    expect(await ended(child)).toEqual({ code: null, signal: "SIGTERM", stderr: "" });
  });
});

describe.concurrent("a process that is told to end", () => {
  const registered = (service: string, closeOn: string) => `
    const discoveries = [new Discovery(), new Discovery()];
    const registrations = discoveries.map((discovery) => discovery.register("${service}", ${host}));
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    ${closeOn}
    say("registered");
  `;

  test.each(["SIGTERM", "SIGINT"] as const)(
    "by %s closes all that it was asked to, and ends by that signal",
    async (signal) => {
      const service = `told-${signal}`;
      await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
      const events = collect(discovery.subscribe(service), ({ type, reason }) => reason ?? type);
      const child = await run(
        registered(
          service,
          `for (const discovery of discoveries) discovery.closeOn("SIGTERM", "SIGINT");`,
        ),
      );
      await child.heard((said) => said === "registered");
      await eventually(() => events.items.length === 2);
      const keys = await raw.list(`${prefix}/services/${service}/`);
      expect(keys.size).toBe(2);
      child.kill(signal);
      expect(await ended(child)).toEqual({ code: null, signal, stderr: "" });
      expect((await raw.list(`${prefix}/services/${service}/`)).size).toBe(0);
      const leases = await raw.leases();
      for (const { lease } of keys.values()) expect(leases).not.toContain(lease);
      // With their marks of draining, where these were not taken together with what followed.
      await eventually(() => {
        const told = events.items.filter((item) => item !== "update");
        expect(told).toEqual(["up", "up", "unregistered", "unregistered"]);
      });
    },
  );

  test("while it waits for a registration takes the others off etcd, and ends by the signal", async () => {
    const service = "told-while-waiting";
    const child = await run(`
      const discovery = new Discovery();
      discovery.closeOn("SIGTERM");
      await discovery.register("${service}", ${host}).waitRegistration();
      const unwell = discovery.register("unwell", ${host}, { check: () => false });
      say("registered");
      await unwell.waitRegistration();
      say("well");
    `);
    await child.heard((said) => said === "registered");
    child.kill("SIGTERM");
    expect(await ended(child)).toEqual({ code: null, signal: "SIGTERM", stderr: "" });
    expect((await raw.list(`${prefix}/services/${service}/`)).size).toBe(0);
  });

  test("ends by the signal also when etcd hangs, after the timeout", async () => {
    await using etcd = await startEtcd();
    const child = await run(
      `
      const discovery = new Discovery({ timeoutMs: 500 });
      discovery.closeOn("SIGTERM");
      await discovery.register("hangs", ${host}).waitRegistration();
      say("registered");
      `,
      { env: { ETCD_HOSTS: etcd.endpoint } },
    );
    await child.heard((said) => said === "registered");
    etcd.pause();
    child.kill("SIGTERM");
    expect(await ended(child)).toEqual({ code: null, signal: "SIGTERM", stderr: "" });
  });

  test("leaves the ending to another listener of the signal", async () => {
    const child = await run(
      registered(
        "shared",
        `
        for (const discovery of discoveries) discovery.closeOn("SIGTERM");
        process.on("SIGTERM", () => say("heard"));
        `,
      ),
    );
    await child.heard((said) => said === "registered");
    child.kill("SIGTERM");
    expect(await ended(child)).toEqual(well);
    expect(child.said.at(-1)).toBe("heard");
    expect((await raw.list(`${prefix}/services/shared/`)).size).toBe(0);
  });

  test("leaves its records to the lease when nobody asked for closing", async () => {
    const child = await run(
      registered("undone", `for (const discovery of discoveries) discovery.closeOn("SIGTERM")();`),
    );
    await child.heard((said) => said === "registered");
    child.kill("SIGTERM");
    expect(await ended(child)).toEqual({ code: null, signal: "SIGTERM", stderr: "" });
    expect((await raw.list(`${prefix}/services/undone/`)).size).toBe(2);
  });
});

describe.concurrent("a process that is killed", () => {
  test("is gone from etcd soon after its TTL, and its followers are told that it expired", async () => {
    const ttlSeconds = 2;
    await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
    const downs = discovery.subscribe("killed");
    await downs.waitReady();
    const child = await run(`
      const discovery = new Discovery({ ttlSeconds: ${ttlSeconds} });
      const registration = discovery.register("killed", ${host});
      await registration.waitRegistration();
      say(registration.uuid);
    `);
    const { value: up } = await downs.next();
    expect(up).toMatchObject({ type: "up" });
    child.kill("SIGKILL");
    const killedAt = performance.now();
    const { value: down } = await downs.next();
    expect(performance.now() - killedAt).toBeLessThan((ttlSeconds + 1) * 1_000);
    expect(down).toMatchObject({ type: "down", reason: "expired", host: { uuid: up?.host.uuid } });
    expect((await raw.list(`${prefix}/services/killed/`)).size).toBe(0);
    await expect(discovery.get("killed").one()).rejects.toMatchObject({ code: "NO_HOST_FOUND" });
  });
});
