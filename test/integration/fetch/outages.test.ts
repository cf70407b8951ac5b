import { expect, inject, test } from "vitest";
import { startEtcd } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { startHttpFleet } from "../../support/http-fleet.ts";
import type { HttpProcess } from "../../support/http-process.ts";

/** Many processes, and seconds that have to pass. */
const withinMs = 60_000;

test(
  "no request fails while a host hangs, and it is used again when it goes on",
  async () => {
    await using etcd = await startEtcd();
    await using fleet = await startHttpFleet(etcd.endpoint, {
      client: { attemptTimeoutMs: 500 },
      live: { ejection: { baseMs: 1_000, maxMs: 1_000 } },
    });
    const [hangs, ...others] = fleet.hosts as [HttpProcess, ...HttpProcess[]];
    // So that nobody but the client finds out.
    await etcd.kill();
    await fleet.answersFrom(fleet.hosts);
    hangs.kill("SIGSTOP");
    await eventually(() => fleet.pool.ejected.some(({ uuid }) => uuid === hangs.uuid), 15_000, 20);
    await fleet.answersFrom(others);
    hangs.kill("SIGCONT");
    await fleet.answersFrom(fleet.hosts);
    await fleet.load.stop();
    expect(fleet.load.failures).toEqual([]);
  },
  withinMs,
);

test(
  "no request fails while etcd is away, nor when it is back",
  async () => {
    await using etcd = await startEtcd();
    await using fleet = await startHttpFleet(etcd.endpoint, { width: 6 });
    await fleet.answersFrom(fleet.hosts);
    await etcd.kill();
    await eventually(() => fleet.pool.freshness.source === "stale", 10_000, 20);
    // Longer than the leases of the hosts.
    await eventually(() => fleet.pool.freshness.ageMs > 5_000, 10_000, 20);
    await fleet.answersFrom(fleet.hosts);
    await etcd.restart();
    await eventually(() => fleet.pool.freshness.source === "live", 20_000, 20);
    await fleet.answersFrom(fleet.hosts);
    await fleet.load.stop();
    console.log(`${fleet.load.taken.length} requests were answered`);
    expect(fleet.load.failures).toEqual([]);
  },
  withinMs,
);

test(
  "when all hosts are killed requests fail at once, and go to the first new one",
  async () => {
    await using fleet = await startHttpFleet(inject("etcd"), { width: 3 });
    const old = [...fleet.hosts];
    await fleet.answersFrom(old);
    for (const host of old) host.kill("SIGKILL");
    await eventually(() => fleet.load.failures.length > 50, 10_000, 20);
    const replacement = await fleet.start();
    await fleet.answersFrom([replacement]);
    await eventually(() => fleet.pool.hosts.length === 1, 15_000, 20);
    const failed = fleet.load.failures.length;
    await fleet.answersFrom([replacement]);
    expect(fleet.load.failures.length).toBe(failed);
  },
  withinMs,
);
