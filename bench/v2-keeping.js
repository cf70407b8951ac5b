// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { Child } from "./child.js";
import { atMost } from "./table.js";

const hosts = 1_000;

/** How often this package prolongs the life of a host whose TTL is 5 s; a little sooner if others are due. */
const intervalMs = 2_500;

/** A whole number of these. */
const windowMs = 15_000;

/** How often the peer does. */
const peerIntervalMs = 4_000;

/** A whole number of both. */
const longWindowMs = 20_000;

/**
 * Processes that keep a thousand hosts alive: how many requests etcd gets of ours while it is alone,
 * and then how much CPU time each takes, side by side, when all that is done again and again has been
 * done a few times.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function keptAlive({ etcd: { endpoint }, rounds }) {
  const ours = new Child("host-process.js", "v2-ours", [endpoint, "bench-v2-keep-ours", hosts]);
  const peer = new Child("host-process.js", "v2-peer", [endpoint, "bench-v2-keep-peer", hosts]);
  try {
    await registered(ours);
    // The first time is sooner, so that not all are due together for ever.
    await sleep(intervalMs);
    const before = await requests(endpoint);
    await sleep(windowMs);
    const each = (await requests(endpoint)) - before;
    await registered(peer);
    await sleep(windowMs);

    const start = await cpuMs(ours, peer);
    const tookMs = longWindowMs * Math.ceil(rounds / 2);
    await sleep(tookMs);
    const end = await cpuMs(ours, peer);
    const perMinute = 60 / tookMs;
    const spent = { ours: end.ours - start.ours, peer: end.peer - start.peer };
    const many = hosts.toLocaleString("en");
    return [
      {
        measure: `requests for each of ${many} hosts in each interval`,
        ours: each / hosts / (windowMs / intervalMs),
        goals: [atMost(1.05)],
      },
      {
        measure: `CPU time of a process that keeps ${many} hosts for a minute`,
        unit: "s",
        ours: spent.ours * perMinute,
        peer: spent.peer * perMinute,
        goals: [atMost(1, "peer")],
      },
      {
        measure: "CPU time of one refresh (Go's way: of one rewrite)",
        unit: "ms",
        ours: (spent.ours / hosts / tookMs) * intervalMs,
        peer: (spent.peer / hosts / tookMs) * peerIntervalMs,
        goals: [],
      },
    ];
  } finally {
    await Promise.all([ours.leave(), peer.leave()]);
  }
}

/** @param {Child} keeper */
async function registered(keeper) {
  await keeper.message();
  keeper.send("register");
  await keeper.message();
}

/**
 * What both have used so far.
 *
 * @param {Child} ours
 * @param {Child} peer
 */
async function cpuMs(ours, peer) {
  ours.send("cpu");
  peer.send("cpu");
  return { ours: Number(await ours.message()), peer: Number(await peer.message()) };
}

/**
 * How many requests etcd has got so far, polls left out.
 *
 * @param {string} endpoint
 */
async function requests(endpoint) {
  const text = await (await fetch(`${endpoint}/metrics`)).text();
  let sum = 0;
  for (const [, count] of text.matchAll(/^etcd_http_received_total\{.*\} (\S+)$/gm)) {
    sum += Number(count);
  }
  return sum;
}
