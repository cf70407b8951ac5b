// @ts-check
import { Bare } from "./bare.js";
import { Child } from "./child.js";
import { byTurns, instant, median, medians } from "./harness.js";
import { Ours } from "./ours.js";
import { Peer } from "./peer.js";
import { atMost } from "./table.js";

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
 * @param {import("./harness.js").Bench} bench
 * @param {string} service
 * @param {number} followers
 */
async function measured({ etcd: { endpoint }, rounds, times }, service, followers) {
  /** @type {Record<string, Followed>} */
  const contenders = {};
  try {
    contenders["ours"] = await followed(endpoint, "ours", new Ours(endpoint), service, followers);
    contenders["peer"] = await followed(endpoint, "peer", new Peer(endpoint), service, followers);
    const bare = new Bare(endpoint);
    await bare.open();
    contenders["bare"] = await followed(endpoint, "bare", bare, service, 1);
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
    return { up: picked(results, "up"), down: picked(results, "down") };
  } finally {
    for (const { close } of Object.values(contenders)) await close();
  }
}

/**
 * @param {Record<string, { up: number, down: number }[]>} results
 * @param {"up" | "down"} what
 */
function picked(results, what) {
  const each = Object.entries(results).map(([name, rounds]) => [
    name,
    rounds.map((it) => it[what]),
  ]);
  return { unit: "ms", ...medians(Object.fromEntries(each)) };
}

/**
 * @param {string} endpoint
 * @param {import("./child.js").Contender} contender
 * @param {Ours | Peer | Bare} publisher
 * @param {string} service
 * @param {number} followers
 * @returns {Promise<Followed>}
 */
async function followed(endpoint, contender, publisher, service, followers) {
  const name = `${service}-${contender}`;
  const subscriber = new Child("follower-process.js", contender, [endpoint, name, followers]);
  await subscriber.message();
  let leave = async () => {};
  /** @param {() => unknown} act */
  const told = async (act) => {
    const start = instant();
    const [at] = await Promise.all([subscriber.message(), act()]);
    return Number(at) - start;
  };
  return {
    come: () => told(() => void (leave = publisher.registerHost(name))),
    go: () => told(() => leave()),
    close: () => Promise.all([publisher.close(), subscriber.leave()]),
  };
}
