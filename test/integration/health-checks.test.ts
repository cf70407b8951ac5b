import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  Discovery,
  type DiscoveryOptions,
  type HealthCheck,
  type HostEvent,
  type Registration,
} from "../../src/index.ts";
import { type EtcdCluster, startProxy } from "../../src/testing/index.ts";
import { apis } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { GrpcHealthServer } from "../support/grpc-health-server.ts";
import { reached, statesOf } from "../support/registrations.ts";

const timing = { intervalMs: 30, timeoutMs: 500 } as const;

/** A server with a health that a test can change. */
interface Patient {
  readonly port: number;
  readonly check: HealthCheck;

  /** Answers that it is not well. */
  sicken(): void | Promise<void>;

  /** Answers no more, but keeps its port. */
  hang?(): void;

  heal(): void | Promise<void>;
  stop(): void | Promise<void>;
}

async function http(): Promise<Patient> {
  let state: "well" | "ill" | "hangs" = "well";
  const server: Server = createServer((_, response) => {
    if (state !== "hangs") response.writeHead(state === "well" ? 200 : 503).end(state);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    check: { type: "http", path: "/health", scheme: "main", ...timing },
    sicken: () => void (state = "ill"),
    hang: () => void (state = "hangs"),
    heal: () => void (state = "well"),
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function tcp(): Promise<Patient> {
  const server = createTcpServer((socket) => socket.on("error", () => {}).end());
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  return {
    port,
    check: { type: "tcp", ...timing },
    async sicken() {
      server.close();
      await once(server, "close");
    },
    heal: async () => void (await listen(port)),
    stop: () => void server.close(),
  };
}

async function grpc(): Promise<Patient> {
  const server = await GrpcHealthServer.start();
  return {
    port: server.port,
    check: { type: "grpc", ...timing },
    sicken: () => void server.statuses.set("", "NOT_SERVING"),
    hang: () => void server.statuses.set("", "hangs"),
    heal: () => void server.statuses.set("", "SERVING"),
    stop: () => server.stop(),
  };
}

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;
  let etcd: EtcdCluster;
  let raw: ReturnType<typeof etcdApi.raw>;
  beforeAll(async () => {
    etcd = await start();
    raw = etcdApi.raw(etcd);
  });
  afterAll(() => etcd.stop());

  let prefix: string;
  let discovery: Discovery;
  const cleanups: (() => unknown)[] = [];
  beforeEach(({ task }) => {
    prefix = `/${task.id}`;
    discovery = discover();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  function discover(options: DiscoveryOptions = {}): Discovery {
    const made = new Discovery({ api, endpoints: etcd.endpoints, prefix, ...options });
    cleanups.push(() => made.close());
    return made;
  }

  const key = ({ uuid }: Registration) => `${prefix}/services/api/${uuid}`;
  const there = async (registration: Registration) =>
    (await raw.get(key(registration))) !== undefined;

  describe.each([
    ["HTTP", http],
    ["TCP", tcp],
    ["gRPC", grpc],
  ] as const)("a host with a check by %s", (_, make) => {
    let patient: Patient;
    let registration: Registration;
    let events: HostEvent[];
    beforeEach(async () => {
      patient = await make();
      cleanups.push(() => patient.stop());
      events = [];
      const subscription = discover().subscribe("api");
      await subscription.waitReady();
      void (async () => {
        for await (const event of subscription) events.push(event);
      })();
      registration = discovery.register(
        "api",
        { privateHostname: "127.0.0.1", ports: { main: patient.port } },
        { check: patient.check },
      );
      await registration.waitRegistration();
    });

    const downs = () => events.filter(({ type }) => type === "down");
    const ups = () => events.filter(({ type }) => type === "up");

    test("goes when it fails, by an order, and comes back when it is well, the same host", async () => {
      for (let times = 1; times <= 2; times += 1) {
        await patient.sicken();
        await reached(registration, "unhealthy");
        await eventually(async () => !(await there(registration)));
        await eventually(() => downs().length === times);
        expect(downs().at(-1)).toMatchObject({
          reason: "unregistered",
          host: { uuid: registration.uuid },
        });
        await patient.heal();
        await reached(registration, "registered");
        expect(await there(registration)).toBe(true);
        await eventually(() => ups().length === times + 1);
        expect(ups().at(-1)?.host).toMatchObject({ uuid: registration.uuid, draining: false });
      }
    });

    test("goes when it hangs, and does not keep the end waiting", async () => {
      if (patient.hang === undefined) return;
      patient.hang();
      await reached(registration, "unhealthy");
      expect(registration.lastError).toMatchObject({ code: "TIMEOUT" });
      await eventually(async () => !(await there(registration)));
      await patient.heal();
      await reached(registration, "registered");
      patient.hang();
      await registration.unregister();
      expect(await there(registration)).toBe(false);
    });
  });

  const publicHost = { hostname: "public.dev", ports: { http: 80 }, public: true, user: "user" };

  test("a fleet keeps its credentials in step, whoever is withdrawn meanwhile", async () => {
    const health = [true, true, true];
    const registrations = health.map((_, index) =>
      discover().register(
        "api",
        { ...publicHost, privateHostname: `node-${index}`, password: "first" },
        { check: { type: "function", run: () => health[index], ...timing } },
      ),
    );
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    const [away, here] = registrations as [Registration, Registration];
    health[0] = false;
    await reached(away, "unhealthy");
    await here.rotateCredentials({ user: "user", password: "second" });
    await eventually(() => away.credentials().password === "second");
    await away.rotateCredentials({ user: "user", password: "third" });
    await eventually(() =>
      registrations.every((registration) => registration.credentials().password === "third"),
    );
    health[0] = true;
    await reached(away, "registered");
    await eventually(async () => {
      const hosts = await discover().get("api").all();
      const { password } = await discover().get("api").service();
      expect([password, ...hosts.map((host) => host.password)]).toEqual(Array(4).fill("third"));
    });
  });

  test("a host that fails while etcd cannot be reached is gone with its lease, and not put back", async () => {
    const proxy = await startProxy(etcd.endpoint);
    cleanups.push(() => proxy.stop());
    let well = true;
    const registration = discover({ endpoints: [proxy.endpoint], ttlSeconds: 2 }).register(
      "api",
      { privateHostname: "node-1", ports: { http: 80 } },
      { check: { type: "function", run: () => well, ...timing } },
    );
    await registration.waitRegistration();
    const states = statesOf(registration);
    proxy.refuse();
    well = false;
    await reached(registration, "unhealthy");
    await eventually(async () => !(await there(registration)), 15_000, 50);
    proxy.heal();
    // It finds its way back, and something to do there.
    await discover({ endpoints: [proxy.endpoint] })
      .get("api")
      .service();
    well = true;
    await reached(registration, "registered");
    expect(await there(registration)).toBe(true);
    expect(states).not.toContain("closed");
  });

  test("many hosts that fail at once go in few trips, and come back", async () => {
    const count = api === 3 ? 500 : 50;
    let well = true;
    const check = { type: "function", run: () => well, fall: 1, rise: 1, ...timing } as const;
    const registrations = Array.from({ length: count }, (_, index) =>
      discovery.register("api", { privateHostname: `n${index}`, ports: { http: 80 } }, { check }),
    );
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    const keys = async () => (await raw.list(`${prefix}/services/`)).size;
    expect(await keys()).toBe(count);
    well = false;
    await Promise.all(registrations.map((registration) => reached(registration, "unhealthy")));
    await eventually(async () => (await keys()) === 0, 15_000, 50);
    well = true;
    await Promise.all(registrations.map((registration) => reached(registration, "registered")));
    expect(await keys()).toBe(count);
  });
});
