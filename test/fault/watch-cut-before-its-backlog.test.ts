import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { ScriptedEtcd } from "../support/scripted-etcd.ts";
import { witness } from "../support/witness.ts";

const key = (id: string): string => `/services/api/${id}`;

const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `h${from + index}`);

test("a watch that is confirmed at revision 100 and broken before its backlog loses none of it", async () => {
  await using etcd = await ScriptedEtcd.start();
  etcd.write({ [key("h0")]: hostValue("api", "h0") });
  await using discovery = new Discovery({ endpoints: [etcd.endpoint] });
  await using seen = witness(discovery, "api");
  await eventually(() => seen.events.length === 1 && etcd.streams[0]?.wanted.size === 2);

  const confirmations = () =>
    seen.views.filter(({ freshness }) => freshness.source === "live").length;
  etcd.onWatch = (stream) => stream.each((watch) => stream.accept(watch));
  etcd.cut();
  for (const id of range(1, 100)) etcd.writeUntold({ [key(id)]: hostValue("api", id) });
  for (const times of [2, 3, 4]) {
    await eventually(() => confirmations() === times);
    if (times === 4) etcd.onWatch = (stream) => stream.serve();
    etcd.cut();
  }
  await eventually(() => seen.events.length === 101);
  expect(seen.told).toEqual(range(0, 100).map((id) => `up ${id}`));
  expect(etcd.streams).toHaveLength(5);
  seen.check();
});

test("3,000 revisions of backlog, broken after each batch, whose headers are ahead of it: each is told once", async () => {
  await using etcd = await ScriptedEtcd.start();
  etcd.write({ [key("h0")]: hostValue("api", "h0") });
  await using discovery = new Discovery({ endpoints: [etcd.endpoint] });
  await using seen = witness(discovery, "api");
  await eventually(() => seen.events.length === 1 && etcd.streams[0]?.wanted.size === 2);

  // As etcd sends it: at most 1,000 revisions at once, under the revision that it is at now.
  etcd.onWatch = (stream) =>
    stream.each((watch) => {
      stream.accept(watch);
      const events = stream.missed(watch).slice(0, 1_000);
      if (events.length === 0) return;
      stream.send({ watchId: watch.watchId ?? 0n, events });
      // Ahead of what is told, too.
      stream.send({ watchId: -1n });
    });
  etcd.cut();
  for (const id of range(1, 3_000)) etcd.writeUntold({ [key(id)]: hostValue("api", id) });
  let cuts = 0;
  for (let told = 1; told < 3_001; told = seen.events.length) {
    await eventually(() => seen.events.length > told);
    etcd.cut();
    cuts += 1;
  }
  // A watch that is behind asks for one revision that it was told of, too.
  expect(cuts).toBe(4);
  expect(seen.told).toEqual(range(0, 3_000).map((id) => `up ${id}`));
  await eventually(() => etcd.streams[5]?.wanted.size === 2);
  const starts = [...(etcd.streams[5]?.wanted.values() ?? [])].map((watch) => watch.startRevision);
  expect(starts).toEqual([3_003n, 2n]);
  seen.check();
});

test("a change that comes in fragments is told when it is whole, though the stream breaks in between", async () => {
  await using etcd = await ScriptedEtcd.start();
  etcd.write({ [key("h0")]: hostValue("api", "h0") });
  await using discovery = new Discovery({ endpoints: [etcd.endpoint] });
  await using seen = witness(discovery, "api");
  await eventually(() => seen.events.length === 1 && etcd.streams[0]?.wanted.size === 2);

  etcd.onWatch = (stream) =>
    stream.each((watch) => {
      stream.accept(watch);
      const watchId = watch.watchId ?? 0n;
      const events = stream.missed(watch);
      if (events.length < 3) return;
      stream.send({ watchId, fragment: true, events: events.slice(0, -2) });
      stream.send({ watchId, fragment: true, events: events.slice(-2, -1) });
      if (etcd.streams.length === 2) etcd.cut();
      else stream.send({ watchId, events: events.slice(-1) });
    });
  etcd.cut();
  etcd.writeUntold(
    Object.fromEntries(["a", "b", "c"].map((id) => [key(id), hostValue("api", id)])),
  );
  await eventually(() => seen.events.length === 4);
  expect(seen.told).toEqual(["up h0", "up a", "up b", "up c"]);
  expect(
    seen.views.map(({ hosts }) => hosts.length).filter((size) => ![1, 4].includes(size)),
  ).toEqual([]);
  seen.check();
});
