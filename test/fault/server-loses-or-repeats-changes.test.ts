import { afterEach, beforeEach, expect, test } from "vitest";
import { Turnstile } from "../../src/async/turnstile.ts";
import type { FindContext } from "../../src/find/find-context.ts";
import type { Mirror } from "../../src/find/mirror.ts";
import { Mirrors } from "../../src/find/mirrors.ts";
import { silentLogger } from "../../src/logger.ts";
import { Reporter } from "../../src/reporter.ts";
import type { Event } from "../../src/store/etcd3/gen/etcd.ts";
import type { Store } from "../../src/store/store.ts";
import { etcd3Store } from "../support/etcd3.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { ScriptedEtcd } from "../support/scripted-etcd.ts";
import { witness, type Witness } from "../support/witness.ts";

const key = (id: string): string => `/services/api/${id}`;

const put = (id: string, shard?: string) => ({ [key(id)]: hostValue("api", id, shard) });

const remove = (id: string) => ({ [key(id)]: undefined });

let etcd: ScriptedEtcd;
let store: Store;
let mirrors: Mirrors;
let seen: Witness;

beforeEach(async () => {
  etcd = await ScriptedEtcd.start();
  for (const id of ["a", "b", "c"]) etcd.write(put(id));
  store = etcd3Store([etcd.endpoint]);
  const context: FindContext = {
    store,
    timeoutMs: 5_000,
    logger: silentLogger,
    random: Math.random,
    hold: () => () => {},
    onMalformed: () => {},
    report: new Reporter(),
    turnstile: new Turnstile(1),
    // Minutes, in life.
    reconcileMs: 300,
  };
  mirrors = new Mirrors(context);
  seen = witness(mirrors, "api");
  await eventually(() => etcd.streams[0]?.wanted.size === 2 && seen.events.length === 3);
});

afterEach(async () => {
  seen.check();
  await seen[Symbol.asyncDispose]();
  mirrors.close();
  await store.close();
  await etcd[Symbol.asyncDispose]();
});

/** What the mirror counts. */
function mirror(): Mirror {
  let found: Mirror | undefined;
  const ignore = (): void => {};
  mirrors.follow("api", {
    listed: (listed) => (found = listed),
    changed: ignore,
    failed: ignore,
    closed: ignore,
  })();
  if (found === undefined) throw new Error("nothing was listed");
  return found;
}

/** Tells all watches of the hosts of events, whether they are due or not. */
function tellHosts(events: readonly Event[]): void {
  for (const stream of etcd.streams.filter(({ open }) => open)) stream.tell(events);
}

const known = (): string[] =>
  [...seen.known.values()].map(({ uuid, shard }) => `${uuid}${shard}`).sort();

test("changes that the server never tells are found by comparing, told as a difference, and counted", async () => {
  etcd.writeUntold(put("d"));
  etcd.writeUntold(put("b", "2"));
  etcd.writeUntold(remove("a"));
  await eventually(() => expect(known()).toEqual(["b2", "c", "d"]), 10_000);
  expect(seen.told.slice(3).toSorted()).toEqual(["down a resync", "up d", "update b 2"]);
  expect(mirror().driftRepaired).toBe(3);
  // It goes on with a watch.
  await eventually(() => seen.views.at(-1)?.freshness.source === "live");
  etcd.write(put("e"));
  await eventually(() => expect(seen.told.at(-1)).toBe("up e"));
});

test("one change in the middle that the server leaves out is found, though the others came", async () => {
  etcd.write(put("d"));
  etcd.writeUntold(remove("a"));
  etcd.write(put("e"));
  await eventually(() => expect(known()).toEqual(["b", "c", "d", "e"]), 10_000);
  expect(seen.told.slice(3)).toEqual(["up d", "up e", "down a resync"]);
  expect(mirror().driftRepaired).toBe(1);
});

test("changes that come twice, or again after later ones, are told once, and nothing counts as lost", async () => {
  const first = etcd.write(put("d"));
  tellHosts(first);
  const second = etcd.write({ ...remove("d"), ...put("e") });
  tellHosts([...first, ...second]);
  tellHosts(first);
  tellHosts(etcd.history);
  etcd.write(put("f"));
  await eventually(() => expect(seen.told.at(-1)).toBe("up f"));
  expect(seen.told.slice(3)).toEqual(["up d", "down d expired", "up e", "up f"]);
  const { length } = seen.views;
  const reads = etcd.calls.get("Txn") ?? 0;
  await eventually(() => (etcd.calls.get("Txn") ?? 0) >= reads + 2);
  expect(seen.views).toHaveLength(length);
  expect([mirror().driftRepaired, mirror().resyncs]).toEqual([0, 0]);
});

test("a server that runs ahead with its revision before it tells the changes loses none of them", async () => {
  const [stream] = etcd.streams;
  const events = [put("d"), put("e"), remove("a")].flatMap((writes) => etcd.writeUntold(writes));
  // So far, it says, all was told.
  stream?.send({ watchId: -1n });
  for (const { watchId = 0n } of stream?.wanted.values() ?? []) stream?.send({ watchId });
  tellHosts(events.slice(0, 1));
  await eventually(() => expect(seen.told.slice(3)).toEqual(["up d"]));
  etcd.cut();
  await eventually(() => expect(seen.told.slice(3)).toEqual(["up d", "up e", "down a expired"]));
  expect(mirror().driftRepaired).toBe(0);
});

test("a server that replays all of the past to a watch that comes back wakes none of the dead", async () => {
  etcd.write(put("ghost"));
  etcd.write(put("b", "2"));
  etcd.write(remove("ghost"));
  await eventually(() => expect(known()).toEqual(["a", "b2", "c"]));
  const before = seen.told.length;
  etcd.onWatch = (stream) =>
    stream.each((watch) => {
      stream.accept(watch);
      stream.catchUp({ ...watch, startRevision: 1n });
    });
  for (let round = 1; round <= 3; round += 1) {
    etcd.cut();
    await eventually(() => etcd.streams[round]?.wanted.size === 2);
  }
  etcd.write(put("d"));
  await eventually(() => expect(known()).toEqual(["a", "b2", "c", "d"]));
  expect(seen.told.slice(before)).toEqual(["up d"]);
});
