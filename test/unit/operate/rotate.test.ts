import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DiscoveryError } from "../../../src/errors.ts";
import { awaitAdoption } from "../../../src/operate/await-adoption.ts";
import { newPassword } from "../../../src/operate/new-password.ts";
import { rotate, UncertainRotation } from "../../../src/operate/rotate.ts";
import type { ServiceCredentials } from "../../../src/operate/rotation-base.ts";
import type { Store } from "../../../src/store/store.ts";
import { hostValue, infoValue } from "../../support/host-value.ts";
import { recordsOf } from "../../support/records.ts";
import { type Fate, unreliable } from "../../support/unreliable-store.ts";
import { beforeWrites, call, operateStage, type OperateStage, service } from "./operate-stage.ts";

let stage: OperateStage;
let kept: ServiceCredentials[];
beforeEach(() => {
  stage = operateStage();
  kept = [];
});
afterEach(() => stage[Symbol.asyncDispose]());

const keep = async (credentials: ServiceCredentials) => void kept.push(credentials);

const rotated = (password: string, user?: string, store: Store = stage.store) =>
  stage.settled(rotate(store, service, { ...call, user, password, keep }));

const adoption = (credentials: ServiceCredentials, withinMs = 10_000) =>
  stage.settled(awaitAdoption(stage.store, service, credentials, { ...call, withinMs }));

const info = { kind: "info" } as const;

test("new credentials are kept, then written, then taken over by every public host", async () => {
  const registrations = [await stage.register("one.dev"), await stage.register("two.dev")];
  const before = await recordsOf(stage.store, service);
  const { credentials } = await rotated("second");
  expect(credentials).toEqual({ user: "user", password: "second" });
  expect(kept).toEqual([credentials]);
  const { adopted, pending, superseded } = await adoption(credentials);
  const uuids = registrations.map(({ uuid }) => uuid).sort();
  expect(adopted.map(({ uuid }) => uuid)).toEqual(uuids);
  expect([pending, superseded]).toEqual([[], false]);
  const after = await recordsOf(stage.store, service);
  expect(after.info).toEqual({ ...before.info, password: "second" });
  expect(after.hosts).toEqual(before.hosts.map((host) => ({ ...host, password: "second" })));
  for (const each of registrations) expect(each.credentials()).toEqual(credentials);
});

test("another user comes with it, if there is one", async () => {
  const registration = await stage.register();
  const { credentials } = await rotated("second", "other");
  await adoption(credentials);
  expect(registration.credentials()).toEqual({ user: "other", password: "second" });
});

test("nothing is written before the credentials are kept", async () => {
  await stage.register();
  const before = await recordsOf(stage.store, service);
  const full = rotate(stage.store, service, {
    ...call,
    user: undefined,
    password: "second",
    keep: () => Promise.reject(new Error("the disk is full")),
  });
  await expect(stage.settled(full)).rejects.toThrow("the disk is full");
  expect(await recordsOf(stage.store, service)).toEqual(before);
});

test("the last of two rotations wins, and the first learns of it", async () => {
  const registration = await stage.register();
  let first: Promise<{ readonly credentials: ServiceCredentials }> | undefined;
  const second = beforeWrites(stage.store, async (writes) => {
    if (writes > 0) return;
    first = rotate(stage.store, service, { ...call, user: "mine", password: "first", keep });
    await first;
  });
  const { credentials } = await rotated("second", undefined, second);
  // With the user that the other one has set meanwhile.
  expect(credentials).toEqual({ user: "mine", password: "second" });
  expect(kept.at(-1)).toEqual(credentials);
  const loser = await first;
  expect(await adoption(loser?.credentials ?? credentials)).toMatchObject({ superseded: true });
  await adoption(credentials);
  expect(registration.credentials()).toEqual(credentials);
});

test("a host that does not take them over is named when the time is up", async () => {
  const registration = await stage.register();
  const stale = '{"name":"b.dev","ports":{"http":"80"},"public":true,"password":"first-secret"}';
  stage.store.put(service, { kind: "host", id: "stale" }, stale);
  stage.store.put(service, { kind: "host", id: "private" }, hostValue(service, "private"));
  stage.store.put(service, { kind: "host", id: "unreadable" }, "{");
  const { credentials } = await rotated("second");
  const begun = stage.clock.now();
  const { adopted, pending } = await adoption(credentials);
  expect(adopted.map(({ uuid }) => uuid)).toEqual([registration.uuid]);
  expect(pending.map(({ uuid }) => uuid)).toEqual(["stale"]);
  expect(stage.clock.now() - begun).toBeGreaterThanOrEqual(10_000);
});

test("an outage while they are taken over is waited out", async () => {
  await stage.register();
  const { credentials } = await rotated("second");
  stage.store.outage(true);
  const adopted = awaitAdoption(stage.store, service, credentials, { ...call, withinMs: 10_000 });
  await stage.clock.advance(3_000);
  stage.store.outage(false);
  expect(await stage.settled(adopted)).toMatchObject({ pending: [], superseded: false });
});

describe("what is not known to have failed", () => {
  const ways: [Fate, string][] = [
    ["unanswered", "is found to be done"],
    ["late", "is uncertain"],
    ["lost", "is uncertain"],
  ];
  test.each(ways)("a write that is %s %s", async (fate) => {
    await stage.register();
    const way = unreliable(stage.store.connect(), stage.clock);
    way.fate = fate;
    const outcome = rotated("second", undefined, way);
    if (fate === "unanswered") {
      expect((await outcome).credentials.password).toBe("second");
      return;
    }
    await expect(outcome).rejects.toBeInstanceOf(UncertainRotation);
    await expect(outcome).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(outcome).rejects.not.toThrow("second");
  });

  test("a write that etcd refuses has failed", async () => {
    await stage.register();
    const refusing = beforeWrites(stage.store, () => {
      throw new DiscoveryError("PERMISSION_DENIED", "not for you");
    });
    // As a store does it, by a rejection.
    const outcome = rotated("second", undefined, refusing);
    await expect(outcome).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
    await expect(outcome).rejects.not.toBeInstanceOf(UncertainRotation);
  });
});

describe("what cannot be rotated", () => {
  const host = { kind: "host", id: "a" } as const;
  test.each<[string, string, () => unknown]>([
    ["a service that is not there", "SERVICE_NOT_FOUND", () => {}],
    [
      "a private service",
      "INVALID_ARGUMENT",
      () => {
        stage.store.put(service, host, hostValue(service, "a"));
        stage.store.put(service, info, `{"name":"${service}","critical":false}`);
      },
    ],
    [
      "a service whose info cannot be read",
      "MALFORMED_RECORD",
      () => stage.store.put(service, info, "["),
    ],
    [
      "a service whose info has lost its hostname",
      "MALFORMED_RECORD",
      () => stage.store.put(service, info, '{"name":"api","public":true,"user":"u"}'),
    ],
    [
      "a service without a user",
      "INVALID_ARGUMENT",
      () => stage.store.put(service, info, '{"name":"api","hostname":"a.dev","public":true}'),
    ],
    [
      "by a password that would make a record too long",
      "INVALID_ARGUMENT",
      () => {
        const long = JSON.stringify({ name: "a.dev", public: true, shard: "x".repeat(65_000) });
        stage.store.put(service, host, long);
        stage.store.put(service, info, infoValue(service, "first"));
      },
    ],
  ])("%s: %s", async (_, code, prepare) => {
    prepare();
    const before = (await stage.store.read(service, { info: true, hosts: "all" }, call)).revision;
    await expect(rotated("x".repeat(600))).rejects.toMatchObject({ code });
    const after = (await stage.store.read(service, { info: true, hosts: "all" }, call)).revision;
    expect([after, kept]).toEqual([before, []]);
  });
});

test("a service without living hosts can be rotated", async () => {
  stage.store.put(service, info, infoValue(service, "first"));
  const { credentials } = await rotated("second");
  expect(await adoption(credentials)).toMatchObject({ adopted: [], pending: [] });
  expect((await recordsOf(stage.store, service)).info).toMatchObject(credentials);
});

test("a new password is 32 random bytes that need no encoding", () => {
  const passwords = Array.from({ length: 100 }, newPassword);
  expect(new Set(passwords).size).toBe(100);
  for (const each of passwords) expect(each).toMatch(/^[\w-]{43}$/);
});
