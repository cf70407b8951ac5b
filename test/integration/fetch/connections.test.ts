import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { expect, test } from "vitest";
import { Discovery, roundRobin } from "../../../src/index.ts";
import { ServiceClient } from "../../../src/integrations/fetch/index.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { startHost } from "../../support/http-host.ts";
import { serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/";
const live = { strategy: roundRobin() };

test("connections to a host are closed when it goes, and not before its requests have ended", async () => {
  await using stage = await serviceStage({}, live);
  const [leaving, staying] = [await stage.start(), await stage.start()];
  const { client, pool } = stage;
  let finish = (): void => {};
  leaving.answer = (_, response) => (finish = () => void response.end("late"));
  const asked = client.fetch(url);
  await eventually(() => leaving.requests.length === 1);
  await (await client.fetch(url)).text();
  expect([leaving.open, staying.open]).toEqual([1, 1]);

  await leaving.registration.unregister();
  await eventually(() => pool.hosts.length === 1);
  for (let count = 0; count < 3; count += 1) await (await client.fetch(url)).text();
  expect([leaving.open, leaving.requests.length]).toEqual([1, 1]);
  finish();
  expect(await (await asked).text()).toBe("late");
  await eventually(() => leaving.open === 0);
  expect(staying.open).toBeGreaterThan(0);
});

test("a host that listens elsewhere from now on is reached there, and its old connections are closed", async () => {
  await using stage = await serviceStage();
  const host = await stage.start();
  await using moved = await startHost(stage.discovery, "elsewhere");
  await stage.client.fetch(url);
  await host.registration.update({ ports: { http: moved.port } });
  await eventually(() => stage.pool.pick().port("http") === moved.port);
  expect(await (await stage.client.fetch(url)).text()).toBe(String(moved.port));
  await eventually(() => host.open === 0);
});

test("hosts that drain before they go are replaced, and no request fails", async () => {
  await using stage = await serviceStage();
  const { client } = stage;
  const start = () =>
    stage.start({ answer: (_, response) => setTimeout(() => response.end("yes"), 10) });
  const hosts = [await start(), await start(), await start()];
  let over = false;
  let answered = 0;
  const worker = async (): Promise<void> => {
    while (!over) {
      const response = await client.fetch(url, { method: "POST", body: "text" });
      expect(await response.text()).toBe("yes");
      answered += 1;
    }
  };
  const workers = Promise.all(Array.from({ length: 6 }, worker));
  for (const host of hosts) {
    const replacement = await start();
    await host.registration.drain({ delayMs: 50 });
    await eventually(() => host.open === 0);
    host.crash();
    const before = replacement.requests.length;
    await eventually(() => replacement.requests.length > before);
  }
  over = true;
  await workers;
  expect(answered).toBeGreaterThan(20);
});

test("whoever upgrades a connection has it for itself, and by service name", async () => {
  await using stage = await serviceStage();
  const server = createServer();
  server.on("upgrade", (message, socket) => {
    socket.on("error", () => {});
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n",
    );
    socket.pipe(socket);
    expect(message.headers["upgrade"]).toBe("echo");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  stage.discovery.register("api", { hostname: "127.0.0.1", ports: { http: port } });
  await eventually(() => stage.pool.hosts.length === 1);
  const { socket } = await stage.client.dispatcher.upgrade({
    ...({ origin: "http://api.discovery" } as object),
    path: "/",
    protocol: "echo",
  });
  socket.write("hello");
  const [echo] = (await once(socket, "data")) as [Buffer];
  expect(echo.toString()).toBe("hello");
  socket.destroy();
  await once(socket, "close");
  server.close();
});

test("everything is closed by close(), after what is under way has ended", async () => {
  await using discovery = new Discovery({ store: memoryStore() });
  await using host = await startHost(discovery, "api", {
    answer: (_, response) => setTimeout(() => response.end("late"), 100),
  });
  const client = new ServiceClient({ discovery });
  const asked = client.fetch(url);
  await eventually(() => host.requests.length === 1);
  const closed = client.close();
  await expect(client.fetch(url)).rejects.toMatchObject({ code: "CLOSED" });
  const refused = request(url, { dispatcher: client.dispatcher });
  await expect(refused).rejects.toMatchObject({ code: "CLOSED" });
  expect(await (await asked).text()).toBe("late");
  await closed;
  await client[Symbol.asyncDispose]();
  await eventually(() => host.open === 0);
  // The discovery is the caller's, and goes on.
  expect(discovery.health().services).toEqual([]);
  expect(await discovery.get("api").all()).toHaveLength(1);
});

test("everything is closed with the discovery", async () => {
  const store = memoryStore();
  await using there = new Discovery({ store });
  await using host = await startHost(there, "api");
  await using other = await startHost(there, "other");
  const discovery = new Discovery({ store });
  const client = new ServiceClient({ discovery });
  for (const to of [url, "http://other.discovery/", `http://127.0.0.1:${other.port}/`]) {
    await (await client.fetch(to)).text();
  }
  expect([host.open, other.open]).toEqual([1, 2]);
  await discovery.close();
  await eventually(() => host.open + other.open === 0, 2_000);
  await expect(client.fetch(url)).rejects.toMatchObject({ code: "CLOSED" });
});

test("destroy() breaks off what is under way, on every host", async () => {
  await using stage = await serviceStage();
  const host = await stage.start({ answer: () => {} });
  const asked = stage.client.fetch(url).catch((error: unknown) => error);
  await eventually(() => host.requests.length === 1);
  await stage.client.dispatcher.destroy(new Error("enough"));
  expect(await asked).toMatchObject({ cause: { message: "enough" } });
  await eventually(() => host.open === 0);
  await sleep(0);
  expect(host.requests.length).toBe(1);
});
