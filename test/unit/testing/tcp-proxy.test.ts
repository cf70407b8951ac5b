import { once } from "node:events";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { startProxy, type TcpProxy } from "../../../src/testing/index.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { httpsStatus } from "../../support/https-get.ts";
import { runChild } from "../../support/child.ts";

/** One end of a connection, and what has come to it. */
class End {
  readonly socket: Socket;
  received = "";
  ended = false;
  error: string | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1").on("data", (text: string) => (this.received += text));
    socket.on("end", () => (this.ended = true));
    socket.on("error", (error: NodeJS.ErrnoException) => (this.error = error.code));
    onTestFinished(() => void socket.destroy());
  }
}

/** A server that keeps the connections made to it, and says nothing of itself. */
async function listen(host = "127.0.0.1"): Promise<{ endpoint: string; ends: End[] }> {
  const ends: End[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => ends.push(new End(socket)));
  server.listen(0, host);
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const name = host.includes(":") ? `[${host}]` : host;
  return { endpoint: `tcp://${name}:${(server.address() as AddressInfo).port}`, ends };
}

async function dial({ endpoint }: TcpProxy): Promise<End> {
  const { hostname, port } = new URL(endpoint);
  const end = new End(connect({ host: hostname, port: Number(port), allowHalfOpen: true }));
  await once(end.socket, "connect");
  return end;
}

async function proxied() {
  const target = await listen();
  const proxy = await startProxy(target.endpoint);
  onTestFinished(() => proxy.stop());
  /** Both ends of a new connection that has carried a byte. */
  const pair = async (ends = target.ends): Promise<{ client: End; server: End }> => {
    const before = ends.length;
    const client = await dial(proxy);
    client.socket.write(".");
    const server = await eventually(() => ends[before] ?? false);
    await eventually(() => server.received === ".");
    server.received = "";
    return { client, server };
  };
  return { target, proxy, pair };
}

describe("a proxy", () => {
  test("passes bytes both ways, in their order, however many and however slow the reader", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    // More than the system's own buffers take.
    const text = Array.from({ length: 4_000_000 }, (_, index) => `${index}`).join("");
    server.socket.pause();
    client.socket.write(text);
    server.socket.write("down");
    await eventually(() => client.received === "down");
    await eventually(() => proxy.held >= 1024 * 1024);
    expect(proxy.held).toBeLessThan(1024 * 1024 + 100_000);
    server.socket.resume();
    await eventually(() => server.received.length === text.length);
    expect(server.received === text).toBe(true);
    expect(proxy.held).toBe(0);
  });

  test("passes on that a side has said all, and leaves it the answer", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    client.socket.end("last words");
    await eventually(() => server.ended);
    expect(server.received).toBe("last words");
    server.socket.write("answer");
    await eventually(() => client.received === "answer");
    server.socket.end();
    await eventually(() => client.ended && client.socket.closed && server.socket.closed);
    expect([client.error, server.error]).toEqual([undefined, undefined]);
    expect([proxy.open, proxy.connections]).toEqual([0, 1]);
  });

  test("passes on that a side has reset its connection", async () => {
    const { pair } = await proxied();
    const first = await pair();
    first.client.socket.resetAndDestroy();
    await eventually(() => first.server.error === "ECONNRESET");
    const second = await pair();
    second.server.socket.resetAndDestroy();
    await eventually(() => second.client.error === "ECONNRESET");
  });

  test("resets its client when nobody listens where it leads", async () => {
    const { proxy } = await proxied();
    const { endpoint } = await startThenStop();
    proxy.redirect(endpoint);
    const client = await dial(proxy);
    await eventually(() => client.error === "ECONNRESET");
    expect(proxy.open).toBe(0);
  });

  test("keeps the scheme of its target, whose TLS passes through it", async () => {
    const { ca, server: identity } = await makeCertificates();
    const server = createHttpsServer(identity, (_, response) => void response.end());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    await using proxy = await startProxy(`https://localhost:${port}`);
    expect(proxy.endpoint).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(await httpsStatus(proxy.endpoint, { ca: ca.cert })).toBe(200);
  });

  test("leads to an IPv6 address", async (context) => {
    const target = await listen("::1").catch(() => undefined);
    if (target === undefined) return context.skip("this machine has no IPv6");
    await using proxy = await startProxy(target.endpoint);
    const client = await dial(proxy);
    client.socket.write("up");
    await eventually(() => target.ends[0]?.received === "up");
  });

  test("keeps no process alive", async () => {
    await using child = await runChild(`
      const net = await import("node:net");
      const { startProxy } = await import(${JSON.stringify(
        new URL("../../../dist/testing/index.js", import.meta.url).href,
      )});
      const server = net.createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      server.unref();
      server.on("connection", (socket) => socket.unref());
      const proxy = await startProxy("tcp://127.0.0.1:" + server.address().port);
      const client = net.connect(Number(new URL(proxy.endpoint).port), "127.0.0.1");
      await new Promise((resolve) => client.once("connect", resolve));
      proxy.delay(1e6);
      client.write("a");
      while (proxy.held === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      client.unref();
      say("done");
    `);
    await child.heard((said) => said === "done");
    expect(await child.exit).toEqual({ code: 0, signal: null, stderr: "" });
  });

  test("is gone when it is stopped, however often", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    await Promise.all([proxy.stop(), proxy[Symbol.asyncDispose]()]);
    await proxy.stop();
    await eventually(() => client.error === "ECONNRESET" && server.error === "ECONNRESET");
    await expect(dial(proxy)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});

async function startThenStop(): Promise<TcpProxy> {
  const proxy = await startProxy("tcp://127.0.0.1:1");
  await proxy.stop();
  return proxy;
}

describe("what can befall a connection", () => {
  test("cut: it is reset, and new ones are served", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    expect(proxy.open).toBe(1);
    proxy.cut();
    expect(proxy.open).toBe(0);
    await eventually(() => client.error === "ECONNRESET" && server.error === "ECONNRESET");
    const next = await pair();
    expect(next.client.error).toBeUndefined();
    expect([proxy.open, proxy.connections]).toEqual([1, 2]);
  });

  test("refuse: all are reset as soon as they come, until it heals", async () => {
    const { pair, proxy, target } = await proxied();
    const { client, server } = await pair();
    proxy.refuse();
    await eventually(() => client.error === "ECONNRESET" && server.error === "ECONNRESET");
    // Some notice before they have noticed that they were connected.
    const refused = await dial(proxy).catch((error: unknown) => error as { code: string });
    await eventually(() => ("code" in refused ? refused.code : refused.error) === "ECONNRESET");
    expect(target.ends).toHaveLength(1);
    proxy.heal();
    await pair();
    expect([proxy.open, proxy.connections]).toEqual([1, 3]);
  });

  test.each(["both", "up", "down"] as const)(
    "stall: what goes %s is kept back, and comes in its order",
    async (direction) => {
      const { pair, proxy, target } = await proxied();
      const { client, server } = await pair();
      const [up, down] = [direction !== "down", direction !== "up"];
      proxy.stall(direction);
      client.socket.write("1");
      server.socket.write("1");
      client.socket.end("2");
      server.socket.end("2");
      const young = await dial(proxy);
      young.socket.write("3");
      const youngServer = await eventually(() => target.ends[1] ?? false);
      youngServer.socket.write("3");
      await eventually(() => proxy.held === 3 * (Number(up) + Number(down)));
      const kept = ["", false, ""];
      const passed = ["12", true, "3"];
      const atServer = () => [server.received, server.ended, youngServer.received];
      const atClient = () => [client.received, client.ended, young.received];
      await eventually(() => up || String(atServer()) === String(passed));
      await eventually(() => down || String(atClient()) === String(passed));
      expect(atServer()).toEqual(up ? kept : passed);
      expect(atClient()).toEqual(down ? kept : passed);
      proxy.heal();
      await eventually(() => String([atServer(), atClient()]) === String([passed, passed]));
      expect([client.error, server.error]).toEqual([undefined, undefined]);
    },
  );

  test("stall: one direction after the other is both", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    proxy.stall("up");
    proxy.stall("down");
    client.socket.write("up");
    server.socket.write("down");
    await eventually(() => proxy.held === 6);
    expect([client.received, server.received]).toEqual(["", ""]);
  });

  test("stall: that a side has reset its connection is kept back too", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    proxy.stall();
    client.socket.resetAndDestroy();
    await eventually(() => proxy.open === 0);
    expect(server.error).toBeUndefined();
    server.socket.write("into the dark");
    await eventually(() => server.socket.bytesWritten > 0);
    expect(server.error).toBeUndefined();
    proxy.heal();
    await eventually(() => server.error === "ECONNRESET");
  });

  test("drop: it is silent for ever, though nobody closes it; new ones are served", async () => {
    const { pair, proxy } = await proxied();
    const [first, second] = [await pair(), await pair()];
    proxy.stall("down");
    second.server.socket.write("kept back");
    await eventually(() => proxy.held > 0);
    proxy.drop();
    proxy.heal();
    expect([proxy.held, proxy.open]).toEqual([0, 2]);
    first.client.socket.write("x".repeat(3_000_000));
    first.server.socket.end("y");
    second.client.socket.end();
    await eventually(() => first.client.socket.writableLength === 0);
    await eventually(() => proxy.open === 1);
    const next = await pair();
    next.client.socket.write("up");
    await eventually(() => next.server.received === "up");
    for (const end of [first.client, first.server, second.client, second.server]) {
      expect([end.received, end.ended, end.error]).toEqual(["", false, undefined]);
    }
  });

  test("delay: each byte comes that much later, in its order, both ways", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    proxy.delay(50);
    const start = performance.now();
    client.socket.write("a");
    server.socket.end("b");
    await eventually(() => proxy.held === 2);
    client.socket.end("c");
    await eventually(() => server.ended && client.ended);
    expect(performance.now() - start).toBeGreaterThanOrEqual(50);
    expect([server.received, client.received]).toEqual(["ac", "b"]);
  });

  test("delay: less of it lets what is under way come sooner, never out of order", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    proxy.delay(3_600_000);
    client.socket.write("a");
    await eventually(() => proxy.held === 1);
    proxy.delay(5);
    client.socket.write("b");
    await eventually(() => server.received === "ab");
  });

  test("all of it together loses nothing and keeps the order", async () => {
    const { pair, proxy } = await proxied();
    const { client, server } = await pair();
    let sent = "";
    const say = (text: string): void => {
      sent += text;
      client.socket.write(text);
    };
    proxy.delay(20);
    say("a");
    proxy.stall();
    say("b".repeat(500_000));
    proxy.delay(1);
    await eventually(() => proxy.held === sent.length);
    proxy.heal();
    say("c");
    proxy.delay(10);
    say("d");
    proxy.stall("down");
    await eventually(() => server.received.length === sent.length);
    expect(server.received === sent).toBe(true);
  });

  test("redirect: new connections lead elsewhere, also after it has healed", async () => {
    const { pair, proxy, target } = await proxied();
    const { client } = await pair();
    const elsewhere = await listen();
    proxy.redirect(elsewhere.endpoint);
    await eventually(() => client.error === "ECONNRESET");
    proxy.heal();
    await pair(elsewhere.ends);
    expect(target.ends).toHaveLength(1);
  });
});

describe("what is wrong is refused at once", () => {
  test.each(["", "127.0.0.1:2379", "nonsense", "tcp://127.0.0.1", undefined, 5, "unix:///x"])(
    "the target %o",
    async (target) => {
      const refused = expect.objectContaining({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(/^target: /) as string,
      }) as Error;
      expect(() => startProxy(target as string)).toThrow(refused);
      const { proxy, pair } = await proxied();
      const { client } = await pair();
      expect(() => proxy.redirect(target as string)).toThrow(refused);
      expect([proxy.open, client.error]).toEqual([1, undefined]);
    },
  );

  test("a delay, and a direction", async () => {
    const { proxy } = await proxied();
    for (const ms of [-1, Number.NaN, Infinity, 2 ** 31, "5", undefined]) {
      expect(() => proxy.delay(ms as number)).toThrow(/^ms: /);
    }
    expect(() => proxy.stall("left" as "up")).toThrow(/^direction: /);
  });
});
