import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import type { HealthCheck, HostOptions, Registration } from "../../../src/index.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { makeCertificates } from "../../support/certificates.ts";
import { eventually } from "../../support/eventually.ts";
import { GrpcHealthServer } from "../../support/grpc-health-server.ts";
import { ScriptedGrpcServer } from "../../support/scripted-grpc-server.ts";

const timing = { intervalMs: 20, timeoutMs: 5_000 };

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function listening(server: Server | ReturnType<typeof createTcpServer>): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  cleanups.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

interface HttpHost {
  readonly port: number;
  readonly requests: IncomingMessage[];
}

/** A host that answers like this. */
async function httpHost(
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  tls?: { readonly key: string; readonly cert: string },
): Promise<HttpHost> {
  const requests: IncomingMessage[] = [];
  const listener: RequestListener = (request, response) => {
    requests.push(request);
    answer(request, response);
  };
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener);
  const port = await listening(server);
  cleanups.push(() => server.closeAllConnections());
  return { port, requests };
}

const status = (code: number, headers: Record<string, string> = {}) =>
  httpHost((_, response) => response.writeHead(code, headers).end("it is so"));

function register(check: HealthCheck, host: HostOptions): Registration {
  const discovery = new Discovery({ store: memoryStore() });
  cleanups.push(() => discovery.close());
  return discovery.register("api", { privateHostname: "127.0.0.1", ...host }, { check });
}

/** Why a host is not registered. */
const reason = (registration: Registration) =>
  eventually(() => {
    const { lastError } = registration;
    if (lastError === undefined) return false;
    return lastError.message.replace(/^the health check of "api" \(\S+\) has failed[^:]*: /, "");
  });

describe("an HTTP check", () => {
  test.each([200, 204, 299])("is passed by status %i", async (code) => {
    const { port, requests } = await status(code);
    await register({ type: "http", ...timing }, { ports: { http: port } }).waitRegistration();
    expect(requests[0]).toMatchObject({ method: "GET", url: "/" });
    expect(requests[0]?.headers).toEqual({ host: `127.0.0.1:${port}`, connection: "close" });
  });

  test.each([301, 302, 304, 400, 404, 500, 503])("is not passed by status %i", async (code) => {
    const { port, requests } = await status(code, { location: "/elsewhere" });
    const registration = register(
      { type: "http", path: "/health?token=secret", ...timing },
      { ports: { http: port } },
    );
    expect(await reason(registration)).toBe(
      `GET http://127.0.0.1:${port}/health was answered with status ${code}`,
    );
    expect(requests.map(({ url }) => url)).not.toContain("/elsewhere");
  });

  test("goes where, and says what, it is told to", async () => {
    const { port, requests } = await status(200);
    const check = {
      type: "http",
      method: "HEAD",
      path: "health check?deep=1#here",
      headers: { "x-probe": "yes" },
      credentials: true,
      hostname: "localhost",
      port,
      ...timing,
    } as const;
    const registration = register(check, {
      ports: { http: 1 },
      hostname: "public-domain.dev",
      public: true,
      user: "us:er",
      password: "pass word",
    });
    await registration.waitRegistration();
    expect(requests[0]).toMatchObject({ method: "HEAD", url: "/health%20check?deep=1" });
    expect(requests[0]?.headers).toMatchObject({
      host: `localhost:${port}`,
      "x-probe": "yes",
      authorization: `Basic ${btoa("us:er:pass word")}`,
    });
  });

  test("sends no credentials unless it is asked to, and then the newest", async () => {
    const { port, requests } = await status(200);
    const host = { ports: { http: port }, user: "user", password: "old" };
    await register({ type: "http", ...timing }, host).waitRegistration();
    expect(requests[0]?.headers.authorization).toBeUndefined();
    const registration = register({ type: "http", credentials: true, ...timing }, host);
    await registration.waitRegistration();
    await registration.rotateCredentials({ user: "user", password: "new" });
    await eventually(() =>
      requests.some(({ headers }) => headers.authorization === `Basic ${btoa("user:new")}`),
    );
  });

  test("goes to the public face if it is told to, and follows an update", async () => {
    const [first, second] = await Promise.all([status(200), status(200)]);
    const registration = register(
      { type: "http", face: "public", scheme: "admin", ...timing },
      {
        hostname: "127.0.0.1",
        ports: { admin: first.port },
        privateHostname: "nowhere.invalid",
        privatePorts: { http: 1 },
        public: true,
      },
    );
    await registration.waitRegistration();
    await registration.update({ ports: { admin: second.port } });
    await eventually(() => second.requests.length > 1);
    await registration.update({ ports: { other: second.port } });
    await eventually(() => registration.state === "unhealthy");
    expect(registration.lastError?.message).toMatch(/no public port "admin"; it has "other"/);
  });

  test("has failed if nobody listens, the connection is cut, or the answer is cut short", async () => {
    const cut = await httpHost((request) => request.socket.destroy());
    const short = await httpHost((request, response) => {
      response.writeHead(200, { "content-length": "100" }).write("only this", () => {
        request.socket.destroy();
      });
    });
    const gone = createTcpServer();
    const port = await listening(gone);
    gone.close();
    const reasons = [port, cut.port, short.port].map((each) =>
      reason(register({ type: "http", ...timing }, { ports: { http: each } })),
    );
    const [refused, reset, aborted] = await Promise.all(reasons);
    expect(refused).toBe(
      `GET http://127.0.0.1:${port}/ had no answer: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
    expect(reset).toMatch(/ had no answer: socket hang up$/);
    expect(aborted).toMatch(/ had no answer: aborted$/);
  });

  test.each<[string, (response: ServerResponse) => void]>([
    ["no answer", () => {}],
    ["half an answer", (response) => response.writeHead(200).write("half")],
  ])("that gets %s is ended by its timeout, and leaves no connection", async (_, answer) => {
    const { port, requests } = await httpHost((__, response) => answer(response));
    const check = { type: "http", intervalMs: 20, timeoutMs: 50 } as const;
    const registration = register(check, { ports: { http: port } });
    expect(await reason(registration)).toBe("no result within 50 ms");
    expect(registration.lastError?.code).toBe("TIMEOUT");
    await registration.unregister();
    await eventually(() => requests.every(({ socket }) => socket.destroyed));
  });

  test("of an answer without end has seen enough after 64 KiB", async () => {
    const { port, requests } = await httpHost((_, response) => {
      response.on("drain", () => response.write(Buffer.alloc(16_384)));
      response.write(Buffer.alloc(65_536));
    });
    const registration = register({ type: "http", ...timing }, { ports: { http: port } });
    await registration.waitRegistration();
    await eventually(() => requests[0]?.socket.destroyed === true);
  });

  test("on a port called https speaks TLS, and verifies as it is told to", async () => {
    const { ca, server, wrongCa } = await makeCertificates();
    const { port } = await httpHost((_, response) => response.end(), server);
    const host = { ports: { https: port } };
    const check = { type: "http", ...timing } as const;
    const tls = { ca: ca.cert };
    await register({ ...check, tls }, host).waitRegistration();
    await register({ ...check, hostname: "localhost", tls }, host).waitRegistration();
    await register({ ...check, tls: { rejectUnauthorized: false } }, host).waitRegistration();
    const wrong = [
      register(check, host),
      register({ ...check, tls: { ca: wrongCa.cert } }, host),
      register({ ...check, tls: { ...tls, servername: "other.dev" } }, host),
    ];
    const [unknown, untrusted, misnamed] = await Promise.all(wrong.map(reason));
    for (const why of [unknown, untrusted]) {
      expect(why).toMatch(/^GET https:\/\/127\.0\.0\.1:\d+\/ had no answer: .*certificate/);
    }
    expect(misnamed).toMatch(/other\.dev/);
  });
});

describe("a TCP check", () => {
  test("is passed by whoever accepts, and leaves no connection", async () => {
    const sockets: Socket[] = [];
    const port = await listening(createTcpServer((socket) => sockets.push(socket.resume())));
    const registration = register({ type: "tcp", ...timing }, { ports: { redis: port } });
    await registration.waitRegistration();
    await registration.unregister();
    await eventually(() => sockets.length > 0 && sockets.every(({ destroyed }) => destroyed));
  });

  test("has failed if nobody listens", async () => {
    const server = createTcpServer();
    const port = await listening(server);
    server.close();
    const registration = register({ type: "tcp", ...timing }, { ports: { redis: port } });
    expect(await reason(registration)).toBe(
      `127.0.0.1:${port} accepts no connection: connect ECONNREFUSED 127.0.0.1:${port}`,
    );
  });
});

describe("a gRPC check", () => {
  async function grpcHost(options?: Parameters<typeof GrpcHealthServer.start>[0]) {
    const server = await GrpcHealthServer.start(options);
    cleanups.push(() => server.stop());
    return server;
  }

  test("asks for the server as a whole, or for a service, and is passed by SERVING", async () => {
    const server = await grpcHost();
    server.statuses.set("my.Service", "SERVING");
    const host = { ports: { grpc: server.port } };
    await register({ type: "grpc", ...timing }, host).waitRegistration();
    expect(new Set(server.asked)).toEqual(new Set([""]));
    const asking = { type: "grpc", service: "my.Service", ...timing } as const;
    await register(asking, host).waitRegistration();
    expect(server.asked).toContain("my.Service");
  });

  test("says why it has failed", async () => {
    const server = await grpcHost();
    server.statuses.set("away", "NOT_SERVING").set("odd", "UNKNOWN");
    const bare = await grpcHost({ health: false });
    const web = await status(200);
    const gone = createTcpServer();
    const port = await listening(gone);
    gone.close();
    const why = (at: number, service = "") =>
      reason(register({ type: "grpc", service, ...timing }, { ports: { grpc: at } }));
    const asked = (at: number, about = "") => `the gRPC server at 127.0.0.1:${at}, asked${about},`;
    expect(await why(server.port, "away")).toBe(
      `${asked(server.port, ' about "away"')} says: NOT_SERVING`,
    );
    expect(await why(server.port, "odd")).toMatch(/ says: UNKNOWN$/);
    expect(await why(server.port, "other")).toMatch(
      /grpc-status 5, it does not know that service$/,
    );
    expect(await why(bare.port)).toMatch(/grpc-status 12, it does not serve grpc.health.v1$/);
    expect(await why(web.port)).toMatch(/ gave no answer: /);
    expect(await why(port)).toMatch(/ gave no answer: connect ECONNREFUSED/);
  });

  test("that gets no answer is ended by its timeout, and leaves no connection", async () => {
    const server = await ScriptedGrpcServer.start(() => {});
    cleanups.push(() => server.close());
    const check = { type: "grpc", intervalMs: 20, timeoutMs: 50 } as const;
    const port = Number(new URL(server.origin).port);
    const registration = register(check, { ports: { grpc: port } });
    expect(await reason(registration)).toBe("no result within 50 ms");
    await registration.unregister();
    await eventually(() => server.sessions.every(({ destroyed }) => destroyed));
  });

  test.each<[string, Uint8Array | undefined, string | undefined, RegExp | undefined]>([
    ["with fields to come", Buffer.from([0, 0, 0, 0, 5, 0x12, 1, 0x41, 0x08, 1]), "0", undefined],
    ["that is none", undefined, "0", /what is no answer to that/],
    ["of no status", Buffer.from([0, 0, 0, 0, 0]), "0", /says: UNKNOWN/],
    ["that is cut short", Buffer.from([0, 0, 0, 0, 9, 0x08]), "0", /what is no answer to that/],
    ["that is compressed", Buffer.from([1, 0, 0, 0, 2, 0x08, 1]), "0", /what is no answer to that/],
    ["of no sense", Buffer.from([0, 0, 0, 0, 2, 0x0f, 0xff]), "0", /what is no answer to that/],
    ["that is far too long", Buffer.alloc(100_000), "0", /what is no answer to that/],
    ["of another kind", Buffer.from([0, 0, 0, 0, 2, 0x08, 9]), "0", /says: 9/],
    ["without an end", Buffer.from([0, 0, 0, 0, 2, 0x08, 1]), undefined, /no answer of gRPC/],
    ["that ends in failure", Buffer.from([0, 0, 0, 0, 2, 0x08, 1]), "14", /grpc-status 14/],
  ])("takes an answer %s for what it is", async (_, message, end, problem) => {
    const server = await ScriptedGrpcServer.start(({ stream }) => {
      stream.on("error", () => {});
      stream.respond(
        { ":status": 200, "content-type": "application/grpc" },
        { waitForTrailers: true },
      );
      stream.on("wantTrailers", () =>
        stream.sendTrailers(end === undefined ? {} : { "grpc-status": end }),
      );
      stream.end(message);
    });
    cleanups.push(() => server.close());
    const port = Number(new URL(server.origin).port);
    const registration = register({ type: "grpc", ...timing }, { ports: { grpc: port } });
    if (problem === undefined) await registration.waitRegistration();
    else expect(await reason(registration)).toMatch(problem);
  });

  test("on a port called grpcs speaks TLS", async () => {
    const { ca, server: keys } = await makeCertificates();
    const server = await grpcHost({ tls: keys });
    const host = { ports: { grpcs: server.port } };
    const check = { type: "grpc", ...timing } as const;
    await register({ ...check, tls: { ca: ca.cert } }, host).waitRegistration();
    expect(await reason(register(check, host))).toMatch(/ gave no answer: .*certificate/);
  });
});

test("no check is made after the registration has ended", async () => {
  const { port, requests } = await status(200);
  const registration = register({ type: "http", ...timing }, { ports: { http: port } });
  await registration.waitRegistration();
  await registration.unregister();
  const made = requests.length;
  await sleep(10 * timing.intervalMs);
  // One may have been on its way.
  expect(requests.length).toBeLessThanOrEqual(made + 1);
});

describe("what makes no sense is refused at once", () => {
  const ports = { http: 80 };
  test.each<[string, unknown, RegExp, HostOptions["ports"]?]>([
    ["no check", null, /^check: must be a function, or an object such as .*not null$/],
    ["a word", "http", /^check: must be a function, .*not string$/],
    ["no type", {}, /^check\.type: must be "function", "http", "tcp" or "grpc", not undefined$/],
    ["an unknown type", { type: "icmp" }, /^check\.type: .*not "icmp"$/],
    ["no function", { type: "function" }, /^check\.run: must be a function/],
    ["a slip", { type: "tcp", interval: 5 }, /^interval: is not known; did you mean intervalMs\?$/],
    ["a path for TCP", { type: "http", Path: "/" }, /^Path: is not known; did you mean path\?$/],
    ["no time", { type: "tcp", timeoutMs: 0 }, /^check\.timeoutMs: must be a number of millis/],
    ["an endless interval", { type: "tcp", intervalMs: Infinity }, /^check\.intervalMs: /],
    ["half a failure", { type: "tcp", fall: 0.5 }, /^check\.fall: must be a whole number from 1/],
    ["no success", { type: "function", run: () => true, rise: 0 }, /^check\.rise: must be a whole/],
    ["an unknown face", { type: "tcp", face: "inner" }, /^check\.face: must be "private" or/],
    [
      "an unknown port",
      { type: "tcp", scheme: "ftp" },
      /^check\.scheme: the host has no private port "ftp"; it has "http"$/,
    ],
    [
      "a port that cannot be",
      { type: "tcp", port: 70_000 },
      /^check\.port: must be a whole number/,
    ],
    ["a url for a hostname", { type: "tcp", hostname: "http://a" }, /^check\.hostname: /],
    [
      "no choice of ports",
      { type: "grpc" },
      /^check\.scheme: name the port, as the host has no "grpc" or .*it has "a", "b"$/,
      { a: 1, b: 2 },
    ],
    ["a path that is none", { type: "http", path: 5 }, /^check\.path: must be a string/],
    ["another method", { type: "http", method: "POST" }, /^check\.method: must be "GET" or "HEAD"/],
    ["no headers", { type: "http", headers: null }, /^check\.headers: must be an object/],
    [
      "an odd header",
      { type: "http", headers: { "a b": "c" } },
      /^check\.headers: "a b" is no name/,
    ],
    [
      "a header with a break",
      { type: "http", headers: { a: "secret\nb" } },
      /^check\.headers "a": must be a string that a header can have as its value$/,
    ],
    [
      "credentials by name",
      { type: "http", credentials: "me" },
      /^check\.credentials: must be true or/,
    ],
    ["a ca that is none", { type: "http", tls: { ca: 5 } }, /^check\.tls\.ca: must be PEM/],
    ["no tls", { type: "grpc", tls: true }, /^check\.tls: must be an object/],
    [
      "credentials for anybody",
      { type: "http", credentials: true, tls: { rejectUnauthorized: false } },
      /^check\.tls\.rejectUnauthorized: must not be false/,
    ],
    ["a service that is none", { type: "grpc", service: 1 }, /^check\.service: must be a string/],
  ])("%s", async (_, check, message, otherPorts) => {
    const discovery = new Discovery({ store: memoryStore() });
    const host = { privateHostname: "10.0.0.1", ports: otherPorts ?? ports };
    const call = () => discovery.register("api", host, { check: check as HealthCheck });
    expect(call).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error);
    expect(call).toThrow(message);
    expect(discovery.health().registrations).toEqual([]);
    await discovery.close();
  });
});
