import { afterEach, beforeEach, expect, it } from "vitest";

import type { ServiceView } from "../../../src/find/view-inbox.ts";
import type { Host } from "../../../src/model/host.ts";
import { collect, deleteHost, makeStage, putHost, putInfo, service, type Stage } from "./stage.ts";

let stage: Stage;

beforeEach(() => {
  stage = makeStage();
});

afterEach(async () => {
  stage.mirrors.close();
  await stage.settle();
  expect(stage.clock.timers).toBe(0);
});

const show = (hosts: readonly Host[]) =>
  hosts.map(({ uuid, shard }) => (shard === "" ? uuid : `${uuid}:${shard}`)).join(" ");

const summary = ({ hosts, info, added, updated, removed, freshness }: ServiceView) => ({
  hosts: show(hosts),
  added: show(added),
  updated: show(updated),
  removed: show(removed),
  info: info?.hostname,
  source: freshness.source,
});

it("yields the whole set first, then each newer one with what is different", async () => {
  putInfo(stage.store, "x");
  putHost(stage.store, "a");
  putHost(stage.store, "b");
  const views = collect(stage.mirrors.changes(service), summary);
  await stage.settle();
  const live = { added: "", updated: "", removed: "", info: "x", source: "live" };
  expect(views.take()).toEqual([{ ...live, hosts: "a b", added: "a b" }]);
  putHost(stage.store, "a", { shard: "1" });
  await stage.settle();
  putHost(stage.store, "c");
  await stage.settle();
  deleteHost(stage.store, "b");
  await stage.settle();
  expect(views.take()).toEqual([
    { ...live, hosts: "a:1 b", updated: "a:1" },
    { ...live, hosts: "a:1 b c", added: "c" },
    { ...live, hosts: "a:1 c", removed: "b" },
  ]);
});

it("yields an empty set for a service that nobody knows", async () => {
  const { value } = await stage.mirrors.changes("unknown").next();
  expect(value).toMatchObject({ hosts: [], info: undefined, added: [], freshness: { ageMs: 0 } });
});

it("merges for a slow reader what happened since its last view", async () => {
  putHost(stage.store, "a");
  putHost(stage.store, "b");
  const views = stage.mirrors.changes(service);
  await stage.settle();
  putHost(stage.store, "c");
  await stage.settle();
  const { value: first } = await views.next();
  expect(first && summary(first)).toMatchObject({ hosts: "a b c", added: "a b c" });
  for (const shard of ["1", "2", "3"]) {
    putHost(stage.store, "a", { shard });
    putHost(stage.store, shard);
    await stage.settle();
    deleteHost(stage.store, shard);
    await stage.settle();
  }
  deleteHost(stage.store, "b");
  putHost(stage.store, "d");
  putInfo(stage.store, "y");
  await stage.settle();
  const { value: second } = await views.next();
  expect(second && summary(second)).toEqual({
    hosts: "a:3 c d",
    added: "d",
    updated: "a:3",
    removed: "b",
    info: "y",
    source: "live",
  });
});

it("yields nothing for what came to nothing", async () => {
  putHost(stage.store, "a");
  const views = stage.mirrors.changes(service);
  await views.next();
  putHost(stage.store, "b");
  await stage.settle();
  deleteHost(stage.store, "b");
  stage.store.outage(true);
  await stage.settle();
  stage.store.outage(false);
  await stage.settle();
  const later: unknown[] = [];
  void views.next().then((view) => later.push(view));
  await stage.settle();
  expect(later).toEqual([]);
});

it("yields a view when the info comes, changes or goes", async () => {
  const views = collect(stage.mirrors.changes(service), (view) => view.info?.hostname);
  await stage.settle();
  putInfo(stage.store, "x");
  await stage.settle();
  putInfo(stage.store, "x");
  await stage.settle();
  putInfo(stage.store, "y");
  await stage.settle();
  stage.store.delete(service, { kind: "info" });
  await stage.settle();
  expect(views.items).toEqual([undefined, "x", "y", undefined]);
});

it("yields a view when the set turns stale, and when it is live again", async () => {
  putHost(stage.store, "a");
  const views = collect(stage.mirrors.changes(service), summary);
  await stage.settle();
  stage.store.outage(true);
  await stage.clock.advance(60_000);
  stage.store.outage(false);
  await stage.settle();
  expect(views.items.map(({ hosts, added, source }) => [hosts, added, source])).toEqual([
    ["a", "a", "live"],
    ["a", "", "stale"],
    ["a", "", "live"],
  ]);
});

it("keeps the hosts that stay the same", async () => {
  putHost(stage.store, "a");
  putHost(stage.store, "b");
  const views = collect(stage.mirrors.changes(service), (view) => view);
  await stage.settle();
  putHost(stage.store, "a", { shard: "1" });
  await stage.settle();
  const [first, second] = views.items;
  expect(second?.hosts[1]).toBe(first?.hosts[1]);
  expect(second?.updated[0]).toBe(second?.hosts[0]);
});

it("gives each reader arrays of its own", async () => {
  putHost(stage.store, "a");
  putHost(stage.store, "b");
  const views: ServiceView[] = [];
  for (const changes of [stage.mirrors.changes(service), stage.mirrors.changes(service)]) {
    collect(changes, (view) => views.push(view));
  }
  await stage.settle();
  const [one, two] = views;
  if (one !== undefined) (one.hosts as Host[]).length = 0;
  expect(one?.hosts).toHaveLength(0);
  expect(one?.added).toHaveLength(2);
  expect(two?.hosts).toHaveLength(2);
});

it("waits for the first reading, however long it takes", async () => {
  stage.store.outage(true);
  const views = collect(stage.mirrors.changes(service), summary);
  await stage.clock.advance(60_000);
  expect(views.items).toEqual([]);
  stage.store.outage(false);
  await stage.clock.advance(2_000);
  expect(views.items).toHaveLength(1);
});

it("tells the difference as events, too, with what was before and why", async () => {
  putHost(stage.store, "a");
  const views = collect(stage.mirrors.changes(service), ({ events }) =>
    events.map(
      ({ type, host, previous, reason }) =>
        `${type} ${show([host])}${previous ? ` was ${show([previous])}` : ""} ${reason ?? ""}`,
    ),
  );
  await stage.settle();
  expect(views.take()).toEqual([["up a "]]);
  putHost(stage.store, "a", { shard: "1" });
  await stage.settle();
  deleteHost(stage.store, "a");
  await stage.settle();
  expect(views.take()).toEqual([["update a:1 was a "], ["down a:1 expired"]]);
});
