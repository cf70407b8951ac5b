// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { startEtcd, startProxy } from "etcd-discovery/testing";
import { Peer } from "./client.js";

/**
 * One run: an etcd, the way to it, and the peer, which has registered `/hosts/a` and follows `/hosts/`.
 *
 * @typedef {object} World
 * @property {import("etcd-discovery/testing").EtcdCluster} etcd
 * @property {import("etcd-discovery/testing").TcpProxy} proxy
 * @property {Peer} peer
 * @property {(key: string, value: string) => Promise<void>} put
 * @property {(key: string) => Promise<void>} remove
 * @property {(key: string) => Promise<boolean>} has
 */

/** How long to wait for what should happen within seconds. */
const patienceMs = 20_000;

const host = "/hosts/a";

const base64 = (/** @type {string} */ text) => Buffer.from(text).toString("base64");

/**
 * @param {() => boolean | Promise<boolean>} condition
 * @param {number} [withinMs]
 * @returns {Promise<number | undefined>} how long it took until it held, in milliseconds; undefined: it never did
 */
async function until(condition, withinMs = patienceMs) {
  const begunAt = performance.now();
  while (!(await condition())) {
    if (performance.now() - begunAt > withinMs) return undefined;
    await sleep(50);
  }
  return performance.now() - begunAt;
}

const inSeconds = (/** @type {number | undefined} */ ms, /** @type {string} */ what) =>
  ms === undefined
    ? `not ${what} within ${patienceMs / 1_000} s`
    : `${what} after ${(ms / 1_000).toFixed(1)} s`;

/** @param {World} world */
async function backAgain({ has, peer }) {
  const back = await until(() => has(host));
  const lost = peer.lost === 0 ? "" : `; told "lost" ${peer.lost} times`;
  return inSeconds(back, "registered again") + lost;
}

/**
 * Whether the watcher tells of a change that is made now.
 *
 * @param {World} world
 */
async function tellsNow({ peer, put }) {
  await put("/hosts/now", "now");
  const told = await until(() => peer.told.includes("now"));
  return told === undefined ? "mute afterwards" : "tells again";
}

/** @type {Readonly<Record<string, (world: World) => Promise<{ registration?: string, watch?: string }>>>} */
export const scenarios = {
  "etcd down for 10 s": async (world) => {
    await world.etcd.kill();
    await sleep(10_000);
    await world.etcd.restart();
    const registration = await backAgain(world);
    // The old lease lives on for a while in an etcd that was restarted.
    await sleep(8_000);
    const kept = (await world.has(host)) ? "; still there 8 s later" : "; gone 8 s later";
    return { registration: registration + kept, watch: await tellsNow(world) };
  },

  "network down for 10 s": async (world) => {
    world.proxy.refuse();
    await sleep(5_000);
    await world.put("/hosts/b", "while away");
    await sleep(5_000);
    world.proxy.heal();
    const registration = await backAgain(world);
    const told = await until(() => world.peer.told.includes("while away"));
    return { registration, watch: inSeconds(told, "told of what happened meanwhile") };
  },

  "history compacted while away": async (world) => {
    world.proxy.refuse();
    for (const n of [1, 2, 3]) await world.put(`/hosts/b${n}`, `missed ${n}`);
    await world.etcd.compact();
    await world.put("/hosts/c", "after");
    await sleep(1_000);
    world.proxy.heal();
    await until(() => world.peer.told.includes("after"), 5_000);
    const missed = [1, 2, 3].filter((n) => !world.peer.told.includes(`missed ${n}`)).length;
    return { watch: `${missed} of 3 changes never told; ${await tellsNow(world)}` };
  },

  "3,000 revisions behind, cut at each batch": async (world) => {
    const count = 3_000;
    world.proxy.refuse();
    for (let n = 0; n < count; n += 1) await world.put("/hosts/b", `change ${n}`);
    world.proxy.heal();
    const changes = () => new Set(world.peer.told.filter((told) => told.startsWith("change")));
    let before = 0;
    const all = await until(() => {
      const now = changes().size;
      if (now === count) return true;
      if (now > before) world.proxy.cut();
      before = now;
      return false;
    });
    if (all !== undefined) return { watch: "told of all 3,000" };
    return {
      watch: `${count - changes().size} of 3,000 changes never told; ${await tellsNow(world)}`,
    };
  },

  "connection dropped without a word": async (world) => {
    world.proxy.drop();
    await world.put("/hosts/b", "after the drop");
    const gone = until(async () => !(await world.has(host)));
    const told = await until(() => world.peer.told.includes("after the drop"));
    const goneMs = await gone;
    return {
      registration:
        goneMs === undefined
          ? "kept"
          : `gone after ${(goneMs / 1_000).toFixed(1)} s, though the process lives; ${await backAgain(world)}`,
      watch: inSeconds(told, "told of a change"),
    };
  },

  "token expired, then the watch reconnects": async (world) => {
    await sleep(8_000);
    world.proxy.cut();
    await sleep(2_000);
    await world.put("/hosts/b", "after the token");
    const told = await until(() => world.peer.told.includes("after the token"));
    const there = (await world.has(host)) ? "kept" : await backAgain(world);
    return { registration: there, watch: inSeconds(told, "told of a change") };
  },

  "etcd lost its data": async (world) => {
    // Of another age, so that revisions go back.
    for (let n = 0; n < 100; n += 1) await world.put("/elsewhere", String(n));
    await world.put("/hosts/b", "before");
    await until(() => world.peer.told.includes("before"));
    await world.etcd.wipe();
    const registration = await backAgain(world);
    return { registration, watch: await tellsNow(world) };
  },

  "record deleted by hand": async (world) => {
    await world.remove(host);
    return { registration: await backAgain(world) };
  },
};

/**
 * Runs one of them.
 *
 * @param {string} name
 */
export async function run(name) {
  const auth = name.startsWith("token") ? { rootPassword: "secret" } : undefined;
  // The process ends after this, and both with it.
  const etcd = await startEtcd(auth && { auth, args: ["--auth-token-ttl", "5"] });
  const proxy = await startProxy(etcd.endpoint);
  const peer = new Peer({
    hosts: proxy.endpoint,
    ...(auth && { auth: { username: "root", password: auth.rootPassword } }),
  });
  // Its attempts to be granted another lease would keep the process too busy to measure the rest.
  const followsOnly = name.startsWith("history") || name.startsWith("3,000");
  if (!followsOnly) await peer.register(host);
  await peer.follow("/hosts/");
  /** @type {World} */
  const world = {
    etcd,
    proxy,
    peer,
    async put(key, value) {
      await etcd.call("/v3/kv/put", { key: base64(key), value: base64(value) });
    },
    async remove(key) {
      await etcd.call("/v3/kv/deleterange", { key: base64(key) });
    },
    async has(key) {
      const { kvs } = await etcd.call("/v3/kv/range", { key: base64(key) });
      return Array.isArray(kvs) && kvs.length > 0;
    },
  };
  const scenario = scenarios[name];
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`);
  return { ...(await scenario(world)), crashes: [...new Set(peer.crashes)] };
}
