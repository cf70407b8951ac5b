import { inspect } from "node:util";
import { expect, test } from "vitest";
import type { User } from "../../../src/store/etcd/user.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { clientOf, patiently, reasonOf, record } from "../../support/etcd2-client.ts";
import { eventually } from "../../support/eventually.ts";
import { recordingLogger } from "../../support/recording-logger.ts";
import { type ScriptedRequest, ScriptedHttpServer } from "../../support/scripted-http-server.ts";

const get = { method: "GET", key: "/a" } as const;
const headers = { "content-type": "application/json", "x-etcd-index": "7" };

/** Lets in who knows the password, which the test may change; what it says is etcd's own. */
class Guarded {
  password: string;
  readonly seen: (string | undefined)[] = [];

  constructor(password: string) {
    this.password = password;
  }

  readonly script = (request: ScriptedRequest): void => {
    const { authorization } = request.headers;
    this.seen.push(authorization);
    const wanted = `Basic ${Buffer.from(`app:${this.password}`).toString("base64")}`;
    if (authorization !== wanted || request.url.startsWith("/v2/keys/secret")) {
      const message = "The request requires user authentication";
      const cause = "Insufficient credentials";
      const body = { errorCode: 110, message, cause, index: 0 };
      request.json(401, body, { "x-etcd-index": "0" });
    } else if (request.url.includes("wait=true")) {
      request.response.writeHead(200, headers).flushHeaders();
    } else {
      const node = { key: "/a", value: "v", modifiedIndex: 5, createdIndex: 5 };
      request.json(200, { action: "get", node }, headers);
    }
  };
}

const user = (password: string): User => ({ username: "app", password });

/** Told apart from what may be printed by chance. */
const password = "s3cr3t-ü:%";

test("user and password go with each request", async () => {
  const guarded = new Guarded(password);
  await using server = await ScriptedHttpServer.start(guarded.script);
  await using client = clientOf([server.origin], { user: user(password) });
  await client.call("read", get, patiently);
  using poll = record(client, { key: "/a", recursive: true, from: 1 });
  await eventually(() => poll.opened.length === 1);
  expect(guarded.seen).toHaveLength(2);
});

test("no user, or one that was never let in, is unauthenticated; one that was is denied the key", async () => {
  const guarded = new Guarded(password);
  await using server = await ScriptedHttpServer.start(guarded.script);
  const logger = recordingLogger();
  const what = 'read "/secret/x"';
  const secret = { method: "GET", key: "/secret/x" } as const;

  await using anonymous = clientOf([server.origin], { logger });
  const none = await reasonOf(anonymous.call(what, secret, patiently));
  expect(none).toMatchObject({ code: "UNAUTHENTICATED" });
  expect(String(none)).toContain("no user is given");

  await using client = clientOf([server.origin], { user: user(password), logger });
  const never = await reasonOf(client.call(what, secret, patiently));
  expect(never).toMatchObject({ code: "UNAUTHENTICATED" });
  await client.call("read", get, patiently);
  const denied = await reasonOf(client.call(what, secret, patiently));
  expect(denied).toMatchObject({ code: "PERMISSION_DENIED", retryable: false });
  expect(String(denied)).toContain('"/secret/x"');
  expect(String(denied)).toContain("Insufficient credentials");
  using poll = record(client, { key: "/secret/x", recursive: true, from: 1 });
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "PERMISSION_DENIED" });
  // The endpoint served.
  expect(client.status.endpoint).toBe(server.origin);

  const encoded = Buffer.from(`app:${password}`).toString("base64");
  for (const error of [none, never, denied, poll.ends[0]]) {
    const text = inspect(error, { depth: 10, showHidden: true });
    expect(text).not.toContain(password);
    expect(text).not.toContain(encoded);
  }
  expect(logger.text()).not.toContain(password);
});

test("a function is asked once, and once more for all that are refused after the password was changed", async () => {
  const guarded = new Guarded("old");
  await using server = await ScriptedHttpServer.start(guarded.script);
  let asked = 0;
  await using client = clientOf([server.origin], {
    user: () => {
      asked += 1;
      return user(guarded.password);
    },
  });
  const many = () =>
    Promise.all(Array.from({ length: 20 }, () => client.call("read", get, patiently)));
  await many();
  expect(asked).toBe(1);
  guarded.password = "new";
  using poll = record(client, { key: "/a", recursive: true, from: 1 });
  await many();
  await eventually(() => poll.opened.length === 1);
  expect(asked).toBe(2);
  guarded.password = "newer";
  await many();
  expect(asked).toBe(3);
});

test("a function that has nothing new to say is not asked again for each call that is refused", async () => {
  const guarded = new Guarded("right");
  await using server = await ScriptedHttpServer.start(guarded.script);
  let asked = 0;
  const clock = manualClock();
  await using client = clientOf([server.origin], {
    clock,
    user: async () => {
      asked += 1;
      return user("wrong");
    },
  });
  for (let i = 0; i < 10; i += 1) {
    expect(await reasonOf(client.call("read", get, patiently))).toMatchObject({
      code: "UNAUTHENTICATED",
    });
  }
  expect(asked).toBe(2);
  expect(guarded.seen).toHaveLength(10);
  await clock.advance(2_000);
  await reasonOf(client.call("read", get, patiently));
  expect(asked).toBe(3);
});

test.each<[string, () => User | Promise<User>]>([
  [
    "throws",
    () => {
      throw new Error("no secret today");
    },
  ],
  ["rejects", () => Promise.reject(new Error("no secret today"))],
  ["returns something else", () => ({ username: "app" }) as User],
  ["returns nothing", () => undefined as unknown as User],
])("a function that %s is told as such, and asked again later", async (_what, source) => {
  const guarded = new Guarded("right");
  await using server = await ScriptedHttpServer.start(guarded.script);
  let asked = 0;
  let works = false;
  const clock = manualClock();
  await using client = clientOf([server.origin], {
    clock,
    user: () => {
      asked += 1;
      return works ? user("right") : source();
    },
  });
  const errors = await Promise.all(
    [1, 2, 3].map(() => reasonOf(client.call("read", get, patiently))),
  );
  for (const error of errors) expect(error).toMatchObject({ code: "UNAUTHENTICATED" });
  expect(asked).toBe(1);
  using poll = record(client, { key: "/a", recursive: true, from: 1 });
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAUTHENTICATED" });
  works = true;
  await clock.advance(2_000);
  expect(await client.call("read", get, patiently)).toMatchObject({ action: "get" });
});

test("a function that never answers holds up nobody for ever", async () => {
  const guarded = new Guarded("right");
  await using server = await ScriptedHttpServer.start(guarded.script);
  const clock = manualClock();
  let works = false;
  await using client = clientOf([server.origin], {
    clock,
    user: () => (works ? user("right") : new Promise<User>(() => {})),
  });
  using poll = record(client, { key: "/a", recursive: true, from: 1 });
  const call = reasonOf(client.call("read", get, { ...patiently, timeoutMs: 1_000 }));
  await clock.advance(1_000);
  expect(await call).toMatchObject({ code: "TIMEOUT" });
  works = true;
  await clock.advance(9_000);
  await eventually(() => poll.ends.length === 1);
  expect(poll.ends[0]).toMatchObject({ code: "UNAUTHENTICATED" });
  await clock.advance(2_000);
  expect(await client.call("read", get, patiently)).toMatchObject({ action: "get" });
});

test("closing ends the wait for a function", async () => {
  const client = clientOf(["http://127.0.0.1:1"], { user: () => new Promise<User>(() => {}) });
  const call = reasonOf(client.call("read", get, patiently));
  const poll = record(client, { key: "/a", recursive: true, from: 1 });
  await client.close();
  expect(await call).toMatchObject({ code: "CLOSED" });
  expect(poll.ends).toEqual([]);
});
