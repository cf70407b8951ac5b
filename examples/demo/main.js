// @ts-check
// Three services, one follower, five scenes. On the etcd of ETCD_HOSTS if that is set, else on a
// throwaway one; where there is none to be had, or with DEMO_STORE=memory, in this process.
import { randomUUID } from "node:crypto";
import { relative } from "node:path";
import { Discovery, isDiscoveryError } from "etcd-discovery";
import { findEtcd, startEtcd } from "etcd-discovery/testing";
import { playScenes } from "./scenes.js";
import { inMemory, inProcesses } from "./stages.js";
import { Timeline } from "./timeline.js";

/** How long all scenes may take together. */
const playMs = 27_000;

try {
  await main();
} catch (error) {
  process.exitCode = 1;
  console.error(`\n${isDiscoveryError(error) ? error.message : String(error)}`);
}

async function main() {
  const { ETCD_HOSTS, ETCD_HOST, DEMO_STORE } = process.env;
  if (DEMO_STORE === "memory") return await playInMemory("as DEMO_STORE=memory says");
  if (ETCD_HOSTS || ETCD_HOST) return await playOnTheirs();
  /** @type {import("etcd-discovery/testing").EtcdBinary} */
  let binary;
  try {
    binary = await findEtcd({ report: console.log });
  } catch (error) {
    if (!isDiscoveryError(error, "UNAVAILABLE")) throw error;
    console.log(error.message);
    return await playInMemory("for want of an etcd");
  }
  await playOnOurs(binary);
}

/** @param {import("etcd-discovery/testing").EtcdBinary} binary */
async function playOnOurs(binary) {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith("ETCD_"));
  const etcd = await startEtcd({ binary: binary.path });
  const env = { ...Object.fromEntries(others), ETCD_HOSTS: etcd.endpoint };
  try {
    await perform(`etcd ${etcd.version} (${relative("", binary.path)})`, (tell, fail) =>
      inProcesses(env, "hello", tell, fail),
    );
  } finally {
    await etcd.stop();
  }
}

async function playOnTheirs() {
  // So that a wrong address or password is told at once, and once.
  const discovery = new Discovery();
  try {
    await discovery.services();
  } finally {
    await discovery.close();
  }
  // An etcd in use: nothing of anybody else's may be touched.
  const service = `etcd-discovery-demo-${randomUUID().slice(0, 8)}`;
  await perform("the etcd of ETCD_HOSTS", (tell, fail) =>
    inProcesses(process.env, service, tell, fail),
  );
  const key = `${process.env["ETCD_PREFIX"] ?? ""}/services_infos/${service}`;
  console.log(`What stays on your etcd is what a service's info is: ${key}`);
}

/** @param {string} why */
async function playInMemory(why) {
  await perform(`the memory store, in one process, ${why}`, (tell) => inMemory("hello", tell));
}

/**
 * @param {string} place
 * @param {(
 *   tell: (event: import("./timeline.js").Event) => void,
 *   fail: (error: Error) => void,
 * ) => import("./stages.js").Stage} open
 */
async function perform(place, open) {
  const timeline = new Timeline(process.stdout);
  timeline.title(`etcd-discovery on ${place}`);
  const failure = new AbortController();
  const late = setTimeout(() => failure.abort(new Error("it took too long")), playMs);
  const stage = open(
    (event) => timeline.tell(event),
    (error) => failure.abort(error),
  );
  try {
    await playScenes(stage, timeline, failure.signal);
  } finally {
    clearTimeout(late);
  }
  timeline.title(`All ${timeline.scenes} scenes happened, in ${timeline.seconds.toFixed(1)} s.`);
}
