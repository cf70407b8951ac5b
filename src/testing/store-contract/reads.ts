import assert from "node:assert/strict";

import type { Session } from "../../store/store.ts";
import {
  applied,
  type Bench,
  bytes,
  type ContractCase,
  inWords,
  options,
  putHost,
  putInfo,
  revisionsOf,
  text,
} from "./bench.ts";

/** Every kind of text that another protocol may hold dear, or lose. */
const texts = [
  "",
  " \t\r\n ",
  String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code)),
  "%41%00+&=;?#/\\\"'<>",
  "null",
  "\ufeffbyte order mark\ufeff",
  "\u2028\u2029\u0085\ufffd\uffff\u{10ffff}",
  "日本 e\u0301 👩‍🚀",
];

/** In the order of their bytes; JavaScript's own order puts the last one before the one above it. */
const sortedIds = ["-", "0", "A", "B", "a", "a-b", "ab", "b", "é", "～", "😀"];

/** Puts more hosts than etcd gives on one page; returns their ids in order. */
async function putManyHosts(bench: Bench, session: Session): Promise<string[]> {
  const ids = Array.from({ length: 1_203 }, (_, index) => `host-${10_000 + index}`);
  const puts = ids.map((id) => putHost(id, "0", session));
  const chunks = Array.from({ length: 21 }, (_, index) => puts.slice(index * 60, index * 60 + 60));
  await Promise.all(chunks.map(async (chunk) => applied(await bench.write(chunk))));
  return ids;
}

export const reads: readonly ContractCase[] = [
  {
    name: "reads nothing of a service that is not there",
    async run(bench) {
      const listing = await bench.read();
      assert.ok(Number.isSafeInteger(listing.revision) && listing.revision >= 0);
      assert.equal(listing.info, undefined);
      assert.deepEqual(listing.hosts, []);
    },
  },
  {
    name: "reads what was selected and nothing else",
    async run(bench) {
      const session = await bench.session();
      const hosts = ["a", "b", "c"].map((id) => putHost(id, id, session));
      applied(await bench.write([putInfo("i"), ...hosts]));
      const read = async (info: boolean, ids: "all" | readonly string[]): Promise<unknown> => {
        const listing = await bench.store.read(bench.service, { info, hosts: ids }, options);
        return [text(listing.info), ...inWords(listing)];
      };
      assert.deepEqual(await read(true, "all"), ["i", "a=a", "b=b", "c=c"]);
      assert.deepEqual(await read(false, "all"), [undefined, "a=a", "b=b", "c=c"]);
      assert.deepEqual(await read(true, []), ["i"]);
      assert.deepEqual(await read(true, ["c", "none", "a"]), ["i", "a=a", "c=c"]);
      assert.deepEqual(await read(false, []), [undefined]);
    },
  },
  {
    name: "tells with each record the revision that wrote it, and the service's name with the info",
    async run(bench) {
      const session = await bench.session();
      const written = await bench.write([putInfo("i"), putHost("a", "1", session)]);
      const [atInfo, atA] = revisionsOf(written, 2);
      const atB = applied(await bench.write([putHost("b", "1", session)]));
      const { revision, info, hosts } = await bench.read();
      assert.ok(revision >= atB);
      assert.deepEqual([info?.id, info?.revision], [bench.service, atInfo]);
      assert.deepEqual(
        hosts.map((host) => [host.id, host.revision]),
        [
          ["a", atA],
          ["b", atB],
        ],
      );
    },
  },
  {
    name: "keeps every byte of a text",
    async run(bench) {
      const session = await bench.session();
      for (const written of texts) {
        const value = bytes(written);
        const host = { ...putHost("a", "", session), value };
        const result = await bench.write([{ kind: "put-info", value }, host]);
        const watch = bench.watch(Math.min(...revisionsOf(result, 2)));
        await bench.until("both are told", () => watch.changes.length === 2);
        const told = watch.batches.flatMap(({ changes }) =>
          changes.flatMap((change) => (change.kind === "put" ? [change.stored] : [])),
        );
        const { info, hosts } = await bench.read();
        for (const stored of [info, ...hosts, ...told]) {
          assert.deepEqual([...(stored?.value ?? [])], [...value], JSON.stringify(written));
        }
        watch.close();
      }
    },
  },
  {
    name: "keeps a value as it was when the write was acknowledged, whatever its buffer is used for next",
    async run(bench) {
      const value = bytes("before");
      applied(await bench.write([{ kind: "put-info", value }]));
      value.fill(0);
      assert.equal(text((await bench.read()).info), "before");
    },
  },
  {
    name: "sorts hosts by the bytes of their ids",
    async run(bench) {
      const session = await bench.session();
      const changes = sortedIds.toReversed().map((id) => putHost(id, "", session));
      applied(await bench.write(changes));
      const { hosts } = await bench.read();
      assert.deepEqual(
        hosts.map((host) => host.id),
        sortedIds,
      );
    },
  },
  {
    name: "never mixes services whose names begin alike",
    async run(bench) {
      const session = await bench.session();
      const names = ["", "-b", "0", ".", "a", "%2F"].map((suffix) => bench.service + suffix);
      for (const name of names) {
        applied(await bench.write([putInfo(name), putHost("a", name, session)], [], name));
      }
      for (const name of names) {
        const listing = await bench.read(name);
        assert.deepEqual([text(listing.info), ...inWords(listing)], [name, `a=${name}`]);
      }
    },
  },
  {
    name: "takes names of any characters",
    async run(bench) {
      const session = await bench.session();
      for (const suffix of [" x", "é", "日本", "😀", "?#&=+", '"\\', "..", "a%00"]) {
        const name = bench.service + suffix;
        applied(await bench.write([putInfo(name), putHost("é😀", name, session)], [], name));
        const listing = await bench.read(name);
        assert.deepEqual([listing.info?.id, ...inWords(listing)], [name, `é😀=${name}`]);
        const all = await bench.store.services({ ...options, alive: true });
        assert.ok(all.includes(name), `services() without ${name}`);
      }
    },
  },
  {
    name: "sees every write that was acknowledged to another client",
    needs: ["another"],
    async run(bench) {
      const other = (await bench.another()).store;
      for (let round = 0; round < 20; round += 1) {
        const revision = applied(await bench.write([putInfo(String(round))]));
        const listing = await bench.read(bench.service, other);
        assert.equal(text(listing.info), String(round));
        assert.ok(listing.revision >= revision);
      }
    },
  },
  {
    name: "reads more than 1,000 hosts",
    async run(bench) {
      const ids = await putManyHosts(bench, await bench.session());
      const { hosts } = await bench.read();
      assert.deepEqual(
        hosts.map(({ id }) => id),
        ids,
      );
    },
  },
  {
    name: "reads more than 1,000 hosts, all at one revision",
    needs: ["atomicWrites"],
    async run(bench) {
      const session = await bench.session();
      const ids = await putManyHosts(bench, session);

      // The first and the last are on different pages, if there are pages, and always change together.
      let reading = true;
      const writing = (async () => {
        for (let round = 1; reading; round += 1) {
          const both = [ids.at(0), ids.at(-1)].map((id) =>
            putHost(id ?? "", String(round), session),
          );
          applied(await bench.write(both));
        }
      })();
      try {
        for (let round = 0; round < 10; round += 1) {
          const { hosts } = await bench.read();
          assert.deepEqual(
            hosts.map((host) => host.id),
            ids,
          );
          assert.equal(text(hosts.at(0)), text(hosts.at(-1)));
        }
      } finally {
        reading = false;
        await writing;
      }
    },
  },
  {
    name: "reads an info and its hosts at one revision",
    needs: ["atomicWrites", "oneRoundTrip"],
    async run(bench) {
      const session = await bench.session();
      let reading = true;
      applied(await bench.write([putInfo("0"), putHost("a", "0", session)]));
      const writing = (async () => {
        for (let round = 1; reading; round += 1) {
          const value = String(round);
          applied(await bench.write([putInfo(value), putHost("a", value, session)]));
        }
      })();
      try {
        for (let round = 0; round < 50; round += 1) {
          const { info, hosts } = await bench.read();
          assert.equal(text(info), text(hosts[0]));
          assert.equal(info?.revision, hosts[0]?.revision);
        }
      } finally {
        reading = false;
        await writing;
      }
    },
  },
  {
    name: "reads an info and 1,000 hosts in one round trip",
    needs: ["oneRoundTrip", "roundTrips"],
    async run(bench) {
      const session = await bench.session();
      const puts = Array.from({ length: 1_000 }, (_, index) => putHost(String(index), "", session));
      const chunks = Array.from({ length: 20 }, (_, index) =>
        puts.slice(index * 50, index * 50 + 50),
      );
      await Promise.all(chunks.map(async (chunk) => applied(await bench.write(chunk))));
      const before = await bench.subject.roundTrips?.();
      assert.equal((await bench.read()).hosts.length, 1_000);
      assert.equal(await bench.subject.roundTrips?.(), (before ?? 0) + 1);
    },
  },
  {
    name: "lists the names of services, each once and sorted, all or those that have a host",
    async run(bench) {
      const session = await bench.session();
      const [idle, both, busy] = ["-idle", "-é", "-😀"].map((suffix) => bench.service + suffix);
      assert.ok(idle !== undefined && both !== undefined && busy !== undefined);
      applied(await bench.write([putHost("a", "", session)], [], busy));
      applied(
        await bench.write(
          [putInfo(""), putHost("a", "", session), putHost("b", "", session)],
          [],
          both,
        ),
      );
      applied(await bench.write([putInfo("")], [], idle));
      const names = async (alive: boolean): Promise<string[]> =>
        (await bench.store.services({ ...options, alive })).filter((name) =>
          name.startsWith(bench.service),
        );
      assert.deepEqual(await names(false), [idle, both, busy]);
      assert.deepEqual(await names(true), [both, busy]);
    },
  },
  {
    name: "leaves out what lies among the records and is none",
    needs: ["litter"],
    async run(bench) {
      const session = await bench.session();
      const written = await bench.write([putInfo("i"), putHost("a", "1", session)]);
      const watch = bench.watch(Math.min(...revisionsOf(written, 2)));
      await bench.subject.litter?.(bench.service);
      applied(await bench.write([putHost("a", "2", session)]));
      await bench.until("the watch tells both", () => watch.changes.length >= 3);
      assert.deepEqual(watch.changes.toSorted(), ["put a=1", "put a=2", "put info=i"]);
      assert.deepEqual(inWords(await bench.read()), ["a=2"]);
      const names = await bench.store.services({ ...options, alive: false });
      assert.deepEqual(
        names.filter((name) => name.startsWith(bench.service)),
        [bench.service],
      );
    },
  },
];
