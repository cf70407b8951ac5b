import { afterEach, beforeEach, expect, test } from "vitest";
import { awaitGone } from "../../../src/operate/await-gone.ts";
import { deregister } from "../../../src/operate/deregister.ts";
import type { Store } from "../../../src/store/store.ts";
import { beforeWrites, call, operateStage, type OperateStage, service } from "./operate-stage.ts";

const options = { ...call, backMs: 2_000 };

let stage: OperateStage;
beforeEach(() => {
  stage = operateStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

const hand = { kind: "host", id: "by-hand" } as const;

const removal = async (uuid: string, store: Store = stage.store) =>
  stage.settled(deregister(store, await stage.find(uuid), options));

const there = async (): Promise<string[]> => {
  const { hosts } = await stage.store.read(service, { info: false, hosts: "all" }, call);
  return hosts.map(({ id }) => id);
};

test.each([
  ["that can be read", '{"name":"a.dev"}'],
  ["that cannot be read", "{"],
  ["that is empty", ""],
])("a record %s and that nobody keeps is deleted for good", async (_, text) => {
  stage.store.put(service, hand, text);
  const begun = stage.clock.now();
  expect(await removal("by-hand")).toBe("deleted");
  expect(stage.clock.now() - begun).toBe(2_000);
  expect(await there()).toEqual([]);
});

test("a live owner puts its record back, which is told", async () => {
  const registration = await stage.register();
  expect(await removal(registration.uuid)).toBe("back");
  expect(await there()).toEqual([registration.uuid]);
});

test("a record that is written meanwhile is deleted all the same, one that goes is absent", async () => {
  stage.store.put(service, hand, "{}");
  const busy = beforeWrites(stage.store, (writes) => {
    if (writes < 3) stage.store.put(service, hand, `{"shard":"${writes}"}`);
  });
  expect(await removal("by-hand", busy)).toBe("deleted");

  stage.store.put(service, hand, "{}");
  const going = beforeWrites(stage.store, () => stage.store.delete(service, hand));
  expect(await removal("by-hand", going)).toBe("absent");
});

test("whether it came back is not known where the store is lost after the deletion", async () => {
  stage.store.put(service, hand, "{}");
  const found = await stage.find("by-hand");
  const removed = deregister(stage.store, found, options);
  await stage.clock.advance(100);
  stage.store.outage(true);
  expect(await stage.settled(removed)).toBe("unseen");
  stage.store.outage(false);
});

test("a wait for a host ends when it has left, through an outage", async () => {
  const registration = await stage.register();
  const waited = awaitGone(stage.store, registration, { ...call, withinMs: 60_000 });
  await stage.clock.advance(1_000);
  stage.store.outage(true);
  await stage.clock.advance(2_000);
  stage.store.outage(false);
  await stage.clock.advance(1_000);
  await stage.settled(registration.unregister());
  expect(await stage.settled(waited)).toBe(true);
});

test("a record that was lost and put back has not left", async () => {
  const registration = await stage.register();
  const waited = awaitGone(stage.store, registration, { ...call, withinMs: 10_000 });
  await stage.clock.advance(1_000);
  stage.store.delete(service, { kind: "host", id: registration.uuid });
  const begun = stage.clock.now();
  expect(await stage.settled(waited)).toBe(false);
  expect(stage.clock.now() - begun).toBeGreaterThanOrEqual(9_000);
});

test("a wait is given up when its signal aborts", async () => {
  const registration = await stage.register();
  const ending = new AbortController();
  const limits = { ...call, withinMs: 10_000, signal: ending.signal };
  const waited = awaitGone(stage.store, registration, limits);
  await stage.clock.advance(1_000);
  ending.abort(new Error("enough"));
  await expect(waited).rejects.toThrow("enough");
});
