// @ts-check
import { Bare } from "./bare.js";
import { Child } from "./child.js";
import { byTurns, instant, median, mediansOf } from "./harness.js";
import { Ours } from "./ours.js";
import { Peer } from "./peer.js";
import { atMost } from "./table.js";
import { BareV2 } from "./v2-bare.js";
import { OursV2 } from "./v2-ours.js";
import { PeerV2 } from "./v2-peer.js";

/**
 * Who registers, and who follows in how many ways.
 *
 * @typedef {object} Contest
 * @property {Ours | Peer | Bare | PeerV2 | BareV2} publisher
 * @property {import("./child.js").Contender} follower
 * @property {number} followers
 */

/**
 * A host that can come and go, and a process that follows its service.
 *
 * @typedef {object} Followed
 * @property {() => Promise<number>} come the milliseconds until all followers knew
 * @property {() => Promise<number>} go the same
 * @property {() => Promise<unknown>} close
 */

/**
 * One subscriber: how long it takes until it is told that a host came, and that it left.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function oneSubscriber(bench) {
  const { up, down } = await measured(bench, "bench-follow", 1);
  return [
    { ...up, measure: "register() to subscriber, p50", goals: [atMost(1.3, "bare")] },
    { ...down, measure: "unregister() to subscriber, p50", goals: [atMost(2.5, "bare")] },
  ];
}

/**
 * A hundred subscribers in one process: how long it takes until the last of them is told.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function manySubscribers(bench) {
  const { up } = await measured(bench, "bench-follow-100", 100);
  const measure = "register() to the last of 100 subscribers in one process, p50";
  return [{ ...up, measure, goals: [atMost(1.5, "bare")] }];
}

/**
 * One that long-polls by the v2 API, as Go and Ruby clients do: how long it takes until it is told of
 * a host that comes, and of one that leaves.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function onePoll(bench) {
  const { endpoint } = bench.etcd;
  const poll = /** @type {const} */ ({ follower: "v2-bare", followers: 1 });
  const { up, down } = await compared(bench, "bench-v2-follow", {
    ours: { publisher: new OursV2(endpoint), ...poll },
    peer: { publisher: new PeerV2(endpoint), ...poll },
    bare: { publisher: new BareV2(endpoint), ...poll },
  });
  return [
    { ...up, measure: "register() to long poll, p50", goals: [atMost(1.3, "bare")] },
    { ...down, measure: "unregister() to long poll, p50", goals: [] },
  ];
}

/**
 * @param {import("./harness.js").Bench} bench
 * @param {string} service
 * @param {number} followers
 */
async function measured(bench, service, followers) {
  const { endpoint } = bench.etcd;
  const bare = new Bare(endpoint);
  await bare.open();
  return await compared(bench, service, {
    ours: { publisher: new Ours(endpoint), follower: "ours", followers },
    peer: { publisher: new Peer(endpoint), follower: "peer", followers },
    bare: { publisher: bare, follower: "bare", followers: 1 },
  });
}

/**
 * @param {import("./harness.js").Bench} bench
 * @param {string} service
 * @param {Record<string, Contest>} contests
 */
async function compared({ etcd: { endpoint }, rounds, times }, service, contests) {
  /** @type {Record<string, Followed>} */
  const contenders = {};
  try {
    for (const [name, contest] of Object.entries(contests)) {
      contenders[name] = await followed(endpoint, `${service}-${name}`, contest);
    }
    const turns = Object.entries(contenders).map(([name, { come, go }]) => [
      name,
      async (/** @type {number} */ round) => {
        const ups = [];
        const downs = [];
        for (let left = times(round < 0 ? 500 : 100); left > 0; left -= 1) {
          ups.push(await come());
          downs.push(await go());
        }
        return { up: median(ups), down: median(downs) };
      },
    ]);
    const results = await byTurns(rounds, Object.fromEntries(turns));
    return {
      up: { unit: "ms", ...mediansOf(results, "up") },
      down: { unit: "ms", ...mediansOf(results, "down") },
    };
  } finally {
    for (const { close } of Object.values(contenders)) await close();
  }
}

/**
 * @param {string} endpoint
 * @param {string} service
 * @param {Contest} contest
 * @returns {Promise<Followed>}
 */
async function followed(endpoint, service, { publisher, follower, followers }) {
  const subscriber = new Child("follower-process.js", follower, [endpoint, service, followers]);
  await subscriber.message();
  let leave = async () => {};
  /** @param {() => unknown} act */
  const told = async (act) => {
    const start = instant();
    const [at] = await Promise.all([subscriber.message(), act()]);
    return Number(at) - start;
  };
  return {
    come: () => told(() => void (leave = publisher.registerHost(service))),
    go: () => told(() => leave()),
    close: () => Promise.all([publisher.close(), subscriber.leave()]),
  };
}
