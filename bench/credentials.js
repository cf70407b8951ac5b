// @ts-check
import { Discovery, isDiscoveryError } from "etcd-discovery";
import { Bare } from "./bare.js";
import { Child } from "./child.js";
import { median, until } from "./harness.js";
import { atMost } from "./table.js";

const hosts = 1_000;
const processes = 10;

/**
 * Public hosts of one service that start at the same moment in ten processes, each with a password of
 * its own: how long until the info and all records have the same, and how often a record was
 * written for it at most.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function agreement(bench) {
  const rows = [...(await measured(bench, 1)), ...(await measured(bench, 10))];
  // Each host sees each announcement: a million of them, for the two cores of a small machine.
  return bench.full ? [...rows, ...(await measured(bench, 100))] : rows;
}

/**
 * @param {import("./harness.js").Bench} bench
 * @param {number} spread over how many instances of `Discovery` the hosts of a process are spread
 */
async function measured({ etcd: { endpoint }, rounds }, spread) {
  const observer = new Discovery({ endpoints: [endpoint] });
  const bare = new Bare(endpoint);
  const seconds = [];
  const writes = [];
  try {
    for (let round = 0; round < rounds; round += 1) {
      const service = `bench-credentials-${spread}-${round}`;
      const args = [endpoint, service, hosts / processes, spread];
      const children = Array.from(
        { length: processes },
        () => new Child("credentials-process.js", "ours", args),
      );
      try {
        await Promise.all(children.map((child) => child.message()));
        for (const child of children) child.send("register");
        const started = await Promise.all(children.map((child) => child.message()));
        const agreedAt = await until(() => agreed(observer, service), {
          what: "one password",
          everyMs: 20,
        }).catch((error) => {
          console.log(`${processes * spread} Discoveries: ${error.message}`);
          return Infinity;
        });
        seconds.push((agreedAt - Math.min(...started.map(Number))) / 1_000);
        writes.push(Math.max(...(await bare.writes(service))));
      } finally {
        await Promise.all(children.map((child) => child.leave()));
      }
    }
  } finally {
    await Promise.all([observer.close(), bare.close()]);
  }
  const number = (processes * spread).toLocaleString("en");
  const measure = `${hosts.toLocaleString("en")} public hosts on ${number} Discoveries, each its own credentials`;
  return [
    {
      measure: `${measure}: until all agree`,
      unit: "s",
      ours: median(seconds),
      goals: [atMost(3)],
    },
    { measure: `${measure}: most writes of a host`, ours: Math.max(...writes), goals: [atMost(3)] },
  ];
}

/**
 * Whether all hosts are there, and have the password of the info.
 *
 * @param {Discovery} discovery
 * @param {string} service
 */
async function agreed(discovery, service) {
  try {
    const all = await discovery.get(service).all();
    if (all.length < hosts) return false;
    const { password } = await discovery.get(service).service();
    return all.every((host) => host.password === password);
  } catch (error) {
    if (isDiscoveryError(error, "SERVICE_NOT_FOUND")) return false;
    throw error;
  }
}
