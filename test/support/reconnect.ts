import { expect } from "vitest";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { curveOf, drawn, requestsSoFar, startFleet } from "./fleet.ts";

/**
 * Restarts an etcd under a fleet of clients, prints how they come back, and sees to it that they
 * come spread over time, that none is lost, and that nobody is told that anybody went.
 */
export async function fleetComesBack(options: {
  readonly size: number;
  readonly processes: number;

  /** How long etcd is away, and how long it is watched afterwards. */
  readonly awayMs: number;
  readonly watchedMs: number;
}): Promise<void> {
  const { awayMs, watchedMs } = options;
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using fleet = await startFleet(etcd, proxy.endpoint, options);
  await fleet.registered();
  const { size } = fleet;

  // Connections that come while there is no etcd show the attempts.
  await etcd.kill();
  const whileAway = await curveOf(() => proxy.connections, awayMs);
  const restarted = etcd.restart();
  const connections = curveOf(() => proxy.connections, watchedMs);
  const asked = curveOf(() => requestsSoFar(etcd), watchedMs);
  await restarted;
  const servesSince = performance.now();
  const [connected, requested] = await Promise.all([connections, asked]);
  await fleet.registered(10_000);
  console.log(`${size} clients, attempts while etcd was away:\n${drawn(whileAway, "connections")}`);
  console.log(`then etcd was started:\n${drawn(connected, "connections")}`);
  console.log(drawn(requested, "requests"));
  console.log(
    `all were registered ${Math.round(performance.now() - servesSince)} ms after it served`,
  );

  // Each tries about twice a second, once the first tries have failed.
  const steady = whileAway.slice(10);
  expect(sum(steady)).toBeLessThan(size * 4 * (steady.length / 10));
  // Whoever waits for the same time comes in the same tenth of a second; on a slow machine the
  // tenths are uneven, but from early to late comers it takes as long at least.
  const spreadMs = reachedAt(connected, 0.9) - reachedAt(connected, 0.1);
  console.log(`from the tenth to the ninetieth in a hundred it took ${spreadMs} ms`);
  expect(spreadMs).toBeGreaterThanOrEqual(200);
  const { downs, warnings } = await fleet.complaints();
  expect(downs).toBe(0);
  expect(warnings).toBeLessThan(size * 4);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** When this share of all had come, in milliseconds. */
function reachedAt(curve: readonly number[], share: number): number {
  const all = sum(curve);
  let come = 0;
  return 100 * curve.findIndex((count) => (come += count) >= all * share);
}
