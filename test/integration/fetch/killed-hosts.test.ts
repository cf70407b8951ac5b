import { expect, inject, test } from "vitest";
import { type LiveOptions, roundRobin } from "../../../src/index.ts";
import { startEtcd } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";
import { type HttpFleet, startHttpFleet } from "../../support/http-fleet.ts";
import type { HttpProcess } from "../../support/http-process.ts";

/** Many processes, and seconds that have to pass. */
const withinMs = 60_000;

const strategies: [name: string, LiveOptions][] = [
  ["leastBusy", {}],
  ["roundRobin", { strategy: roundRobin() }],
];

/** Kills a host, and waits until the others have its work. Returns how many connections it had. */
async function kill(fleet: HttpFleet, host: HttpProcess): Promise<number> {
  const traffic = fleet.traffic(host);
  const open = traffic.open - traffic.opened;
  host.kill("SIGKILL");
  await host.exit;
  // More may have been opened before it was dead.
  const connections = open + traffic.opened;
  await fleet.answersFrom(fleet.hosts.filter((each) => each !== host));
  return connections;
}

test.each(strategies)(
  "no request fails when one of three hosts is killed, and at most one attempt on each of its connections (%s)",
  async (_, live) => {
    await using fleet = await startHttpFleet(inject("etcd"), { live });
    const [dies] = fleet.hosts as [HttpProcess];
    await fleet.answersFrom(fleet.hosts);
    const open = await kill(fleet, dies);
    await fleet.load.stop();
    const { failed } = fleet.traffic(dies);
    console.log(`${failed} attempts failed on ${open} connections`);
    expect(fleet.load.failures).toEqual([]);
    expect(failed).toBeLessThanOrEqual(open);
  },
  withinMs,
);

test.each(strategies)(
  "no request fails when etcd is killed, then one of three hosts, and no request is risked to see whether it is back (%s)",
  async (_, live) => {
    await using etcd = await startEtcd();
    const ejection = { baseMs: 200, maxMs: 400 };
    await using fleet = await startHttpFleet(etcd.endpoint, { live: { ...live, ejection } });
    const [dies] = fleet.hosts as [HttpProcess];
    await etcd.kill();
    await eventually(() => fleet.pool.freshness.source === "stale", 10_000, 20);
    await fleet.answersFrom(fleet.hosts);
    const open = await kill(fleet, dies);
    // It is ejected again and again, for half a second at most.
    let ejections = 0;
    let before = false;
    fleet.pool.on("pickable", (hosts) => {
      const out = !hosts.some(({ uuid }) => uuid === dies.uuid);
      if (out && !before) ejections += 1;
      before = out;
    });
    await eventually(() => ejections >= 3, 15_000, 20);
    await fleet.load.stop();
    const { failed } = fleet.traffic(dies);
    console.log(`${failed} attempts failed on ${open} connections`);
    expect(fleet.load.failures).toEqual([]);
    expect(failed).toBeLessThanOrEqual(open);
    expect(fleet.pool.hosts).toHaveLength(3);
  },
  withinMs,
);
