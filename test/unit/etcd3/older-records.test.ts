import { createServer, type RequestListener } from "node:http";
import {
  type AddressInfo,
  createServer as createTcpServer,
  type Server,
  type Socket,
} from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { OlderRecords } from "../../../src/store/etcd3/older-records.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { recordingLogger } from "../../support/recording-logger.ts";

interface Place extends AsyncDisposable {
  readonly endpoint: string;
  readonly sockets: ReadonlySet<Socket>;
  connections: number;
}

async function listening(server: Server): Promise<Place> {
  const sockets = new Set<Socket>();
  const place: Place = {
    endpoint: "",
    sockets,
    connections: 0,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => void server.close(resolve));
    },
  };
  server.on("connection", (socket: Socket) => {
    place.connections += 1;
    sockets.add(socket.on("error", () => {}).on("close", () => sockets.delete(socket)));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return Object.assign(place, { endpoint: `http://127.0.0.1:${port}` });
}

/** An etcd with the v2 API, that has these keys. */
function etcd(keys: readonly string[], asked: string[] = []): Promise<Place> {
  const answer: RequestListener = ({ method, url = "" }, response) => {
    asked.push(`${method} ${url}`);
    response.setHeader("X-Etcd-Cluster-Id", "d1cfaf999eb97a2a");
    response.statusCode = keys.includes(url) ? 200 : 404;
    response.end();
  };
  return listening(createServer(answer));
}

function olderRecords(prefix = "") {
  const clock = manualClock();
  const logger = recordingLogger();
  return {
    clock,
    logger,
    older: new OlderRecords({ prefix, tls: undefined, clock, logger }),
  };
}

const told = expect.stringMatching(/only its v2 API shows.*`api: 2` \(ETCD_API=2\)/) as string;

test("an info or a host of the service is told of, and logged once", async () => {
  await using place = await etcd(["/v2/keys/services_infos/a", "/v2/keys/services/b"]);
  const { older, logger, clock } = olderRecords();
  expect(await older.hint(place.endpoint, "a", 5_000)).toEqual(told);
  expect(await older.hint(place.endpoint, "b", 5_000)).toEqual(told);
  expect(await older.hint(place.endpoint, "c", 5_000)).toBeUndefined();
  await clock.advance(120_000);
  expect(await older.hint(place.endpoint, "a", 5_000)).toEqual(told);
  const lines = logger.lines.map(({ level, fields }) => ({ level, fields }));
  expect(lines).toEqual([
    { level: "warn", fields: { service: "a" } },
    { level: "warn", fields: { service: "b" } },
  ]);
});

test("each part of a key is encoded, and no value is asked for", async () => {
  const asked: string[] = [];
  await using place = await etcd([], asked);
  const { older } = olderRecords("/my prod");
  await older.hint(place.endpoint, "a?#%é", 5_000);
  expect(asked.sort()).toEqual([
    "HEAD /v2/keys/my%20prod/services/a%3F%23%25%C3%A9",
    "HEAD /v2/keys/my%20prod/services_infos/a%3F%23%25%C3%A9",
  ]);
});

test("a service is asked for once a minute, however often it is looked up, and 100 at most", async () => {
  await using place = await etcd([]);
  const { older, clock } = olderRecords();
  const lookUp = (name: string) => older.hint(place.endpoint, name, 5_000);
  await Promise.all([lookUp("a"), lookUp("a"), lookUp("a")]);
  await lookUp("a");
  expect(place.connections).toBe(2);
  await clock.advance(60_000);
  await lookUp("a");
  expect(place.connections).toBe(4);
  for (let number = 0; number < 200; number += 1) await lookUp(`service-${number}`);
  expect(place.connections).toBe(2 + 2 * 100);
  await clock.advance(60_000);
  await lookUp("service-199");
  expect(place.connections).toBe(2 + 2 * 100 + 2);
});

test("where nobody speaks v2, no other service is asked for either, for a minute", async () => {
  const server = createServer(
    (_, response) => void response.writeHead(404).end("404 page not found"),
  );
  await using place = await listening(server);
  const { older, logger, clock } = olderRecords();
  for (const name of ["a", "b", "a"]) {
    expect(await older.hint(place.endpoint, name, 5_000)).toBeUndefined();
  }
  expect(place.connections).toBe(2);
  await clock.advance(60_000);
  await older.hint(place.endpoint, "b", 5_000);
  expect(place.connections).toBe(4);
  expect(logger.lines).toEqual([]);
});

test("a thousand services at once are asked for one after the other", async () => {
  const names = Array.from({ length: 1_000 }, (_, number) => `service-${number}`);
  await using place = await etcd(["/v2/keys/services_infos/service-7"]);
  const { older, logger } = olderRecords();
  const most = { sockets: 0 };
  const hints = names.map((name) => older.hint(place.endpoint, name, 5_000));
  await eventually(() => {
    most.sockets = Math.max(most.sockets, place.sockets.size);
    return place.connections === 200 && place.sockets.size === 0;
  });
  expect(most.sockets).toBeLessThanOrEqual(4);
  expect((await Promise.all(hints)).filter((hint) => hint !== undefined)).toEqual([told]);
  expect(logger.lines).toHaveLength(1);

  await using silent = await listening(createTcpServer((socket) => void socket.destroy()));
  const others = olderRecords();
  await Promise.all(names.map((name) => others.older.hint(silent.endpoint, name, 5_000)));
  expect(silent.connections).toBeLessThanOrEqual(2);
});

test("silence holds up nobody for longer than 300 ms, or than there is time, and leaves no socket", async () => {
  await using place = await listening(createTcpServer((socket) => void socket.resume()));
  const { older, clock } = olderRecords();
  const patient = older.hint(place.endpoint, "a", 5_000);
  const hasty = older.hint(place.endpoint, "a", 100);
  await eventually(() => expect(place.sockets.size).toBe(2));
  await clock.advance(100);
  expect(await hasty).toBeUndefined();
  expect(place.sockets.size).toBe(2);
  await clock.advance(200);
  expect(await patient).toBeUndefined();
  await eventually(() => expect(place.sockets.size).toBe(0));
});

test("when it is closed, at any moment, what is under way ends, and nothing is asked any more", async () => {
  await using place = await listening(createTcpServer((socket) => void socket.resume()));
  for (const turns of [0, 1, 2, 5, 50]) {
    const { older } = olderRecords();
    const hint = older.hint(place.endpoint, "a", 5_000);
    for (let passed = 0; passed < turns; passed += 1) await turn();
    await older.close();
    expect(await hint).toBeUndefined();
    expect(await older.hint(place.endpoint, "b", 5_000)).toBeUndefined();
    await eventually(() => expect(place.sockets.size).toBe(0));
  }
  expect(place.connections).toBeLessThanOrEqual(10);
});

test("what cannot be reached, or whose certificates cannot be read, is no failure", async () => {
  const place = await listening(createTcpServer());
  await place[Symbol.asyncDispose]();
  expect(await olderRecords().older.hint(place.endpoint, "a", 5_000)).toBeUndefined();
  const { clock, logger } = olderRecords();
  const tls = { ca: { file: "/does/not/exist" } };
  const older = new OlderRecords({ prefix: "", tls, clock, logger });
  expect(await older.hint("https://127.0.0.1:1", "a", 5_000)).toBeUndefined();
});
