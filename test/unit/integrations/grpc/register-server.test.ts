import { Server, ServerCredentials } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { registerServer } from "../../../../src/integrations/grpc/index.ts";
import { Discovery } from "../../../../src/index.ts";
import { memoryStore } from "../../../../src/testing/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { failureOf, grpcServer, whoClient } from "../../../support/grpc-service.ts";
import { grpcStage } from "./grpc-stage.ts";

const address = "127.0.0.1:0";

test("a server is registered with the port that it was bound to, and called by it", async () => {
  const { discovery } = grpcStage();
  const { server } = grpcServer("one");
  await using registered = await registerServer(discovery, "api", server, {
    ...{ address, host: { hostname: "127.0.0.1", shard: "a" } },
  });
  await registered.registration.waitRegistration();
  const host = await discovery.get("api").one();
  expect(host.ports).toEqual({ grpc: String(registered.port) });
  expect(host.shard).toBe("a");
  using client = whoClient("etcd:///api?shard=a");
  expect(await client.who()).toBe("one");
  await registered.leave({ delayMs: 0 });
});

test.each([
  [
    "a private host has it on both faces",
    { ports: { http: 80 } },
    { ports: { grpc: "bound", http: "80" }, privatePorts: { grpc: "bound", http: "80" } },
  ],
  [
    "a public host has it on both faces",
    { public: true, hostname: "api.dev", privatePorts: { http: 80 } },
    { ports: { grpc: "bound" }, privatePorts: { grpc: "bound", http: "80" } },
  ],
  [
    "a public port that is given is kept",
    { public: true, hostname: "api.dev", ports: { grpc: 443 } },
    { ports: { grpc: "443" }, privatePorts: { grpc: "bound" } },
  ],
])("%s", async (_name, host, expected) => {
  const { discovery } = grpcStage();
  const options = { address, host };
  const registered = await registerServer(discovery, "api", new Server(), options);
  await registered.registration.waitRegistration();
  const found = await discovery.get("api").one();
  const bound = (ports: object) =>
    Object.entries(ports).map(([name, port]) => [
      name,
      port === String(registered.port) ? "bound" : String(port),
    ]);
  expect(Object.fromEntries(bound(found.ports))).toEqual(expected.ports);
  expect(Object.fromEntries(bound(found.privatePorts))).toEqual(expected.privatePorts);
  await registered.leave({ delayMs: 0 });
});

test("a server that leaves drains, unregisters, lets its calls end, and ends", async () => {
  const { discovery } = grpcStage();
  const { server, state } = grpcServer("leaving");
  const registered = await registerServer(discovery, "api", server, {
    ...{ address, host: { hostname: "127.0.0.1" } },
  });
  await registered.registration.waitRegistration();
  using client = whoClient("etcd:///api");
  let answer = (_text: string): void => {};
  state.behaviour = () => new Promise((resolve) => (answer = resolve));
  const slow = client.who();
  await eventually(() => state.calls === 1);

  const states: string[] = [];
  registered.registration.on("state", (each) => states.push(each));
  let left = false;
  const leaving = registered.leave({ delayMs: 50 }).then(() => (left = true));
  await eventually(() => states.at(-1) === "closed");
  expect(states).toEqual(["draining", "closed"]);
  expect(await discovery.services({ alive: true })).toEqual([]);
  await eventually(async () =>
    expect((await failureOf(client.who())).details).toContain("no host"),
  );
  expect(left).toBe(false);
  answer("at last");
  expect(await slow).toBe("at last");
  await leaving;
  await registered.leave();
});

test("calls that do not end in time are broken off", async () => {
  const { discovery } = grpcStage();
  const { server } = grpcServer("leaving");
  const registered = await registerServer(discovery, "api", server, {
    ...{ address, delayMs: 0, graceMs: 50, host: { hostname: "127.0.0.1" } },
  });
  await registered.registration.waitRegistration();
  using client = whoClient("etcd:///api");
  const stream = client.ticks();
  const broken = new Promise((resolve) => stream.on("error", resolve));
  await new Promise((resolve) => stream.once("data", resolve));
  await registered[Symbol.asyncDispose]();
  await broken;
});

test("an abort ends everything at once", async () => {
  const { discovery } = grpcStage();
  const { server } = grpcServer("leaving");
  const registered = await registerServer(discovery, "api", server, {
    ...{ address, host: { hostname: "127.0.0.1" } },
  });
  await registered.registration.waitRegistration();
  using client = whoClient("etcd:///api");
  const stream = client.ticks();
  const broken = new Promise((resolve) => stream.on("error", resolve));
  await new Promise((resolve) => stream.once("data", resolve));
  const reason = new Error("now");
  await expect(registered.leave({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  await broken;
  await eventually(async () => expect(await discovery.services({ alive: true })).toEqual([]));
});

test("what cannot be bound is not registered", async () => {
  const { discovery } = grpcStage();
  const options = { address, host: { hostname: "127.0.0.1" } };
  const first = await registerServer(discovery, "api", new Server(), options);
  const taken = { ...options, address: `127.0.0.1:${first.port}` };
  await expect(registerServer(discovery, "other", new Server(), taken)).rejects.toThrow(
    /EADDRINUSE|No address added/,
  );
  await first.registration.waitRegistration();
  expect(await discovery.services({ alive: true })).toEqual(["api"]);
  await first.leave({ delayMs: 0 });
});

test("what cannot be registered is not served", async () => {
  const discovery = new Discovery({ store: memoryStore() });
  await discovery.close();
  const { server } = grpcServer("one");
  await expect(registerServer(discovery, "api", server, { address })).rejects.toMatchObject({
    code: "CLOSED",
  });
  const bind = () => server.bindAsync(address, ServerCredentials.createInsecure(), () => {});
  expect(bind).toThrow(/shutdown/);
  const reason = new Error("not any more");
  const signal = AbortSignal.abort(reason);
  const aborted = registerServer(discovery, "api", new Server(), { address, signal });
  await expect(aborted).rejects.toBe(reason);
});

test.each([
  ["api", { address: "" }, /^address: /],
  ["api", { port: "a b" }, /^ports: /],
  ["api", { port: 1 }, /^port: /],
  ["api", { delayMs: -1 }, /^delayMs: /],
  ["api", { credentials: {} }, /^credentials: /],
  ["api", { credential: ServerCredentials.createInsecure() }, /did you mean credentials/],
  ["api", { host: { hostname: "a b" } }, /^hostname: /],
  ["api", { host: null }, /^host options: /],
  ["a/b", {}, /^service name: /],
])("of %s, %o is refused at once", (service, options, message) => {
  const { discovery } = grpcStage();
  const register = () => registerServer(discovery, service, new Server(), options as never);
  expect(register).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  expect(register).toThrow(message);
});

test("what is no server, and how it cannot leave, is refused at once", async () => {
  const { discovery } = grpcStage();
  expect(() => registerServer(discovery, "api", {} as Server)).toThrow(/^server: /);
  expect(() => registerServer({} as Discovery, "api", new Server())).toThrow(/^discovery: /);
  const registered = await registerServer(discovery, "api", new Server(), { address });
  expect(() => registered.leave({ delayMs: -1 })).toThrow(/^delayMs: /);
  expect(() => registered.leave({ graceMs: Number.NaN })).toThrow(/^graceMs: /);
  expect(() => registered.leaveOn()).toThrow(/^signals: /);
  expect(() => registered.leaveOn("SIGKILL")).toThrow(/^signals: /);
  await registered.leave({ delayMs: 0 });
});

test("a server with a check is registered once that succeeds", async () => {
  const { discovery } = grpcStage();
  let well = false;
  let asked = 0;
  const check = () => {
    asked += 1;
    return well;
  };
  await using registered = await registerServer(discovery, "api", new Server(), {
    ...{ address, check },
  });
  await eventually(() => expect(asked).toBe(1));
  expect(registered.registration.ready).toBe(false);
  well = true;
  await registered.registration.waitRegistration();
  await registered.leave({ delayMs: 0 });
});

test.each([
  ["address", { address: "unix:/tmp/api.sock" }],
  ["address", { address: "unix-abstract:api" }],
  ["check", { address, check: "http" }],
])("what could not be called or checked is refused before it is bound: %s", (field, options) => {
  const { discovery } = grpcStage();
  const register = () => registerServer(discovery, "api", new Server(), options as object);
  expect(register).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(new RegExp(`^${field}`)) as string,
    }),
  );
});
