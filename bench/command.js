// @ts-check
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { Discovery } from "etcd-discovery";
import { byTurns, median } from "./harness.js";
import { atMost } from "./table.js";

const command = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

/**
 * How much longer the command takes to its first output than a process that prints at once.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function commandStart({ etcd, rounds }) {
  const prefix = `/bench-${crypto.randomUUID()}`;
  const endpoints = etcd.endpoints;
  const discovery = new Discovery({ endpoints: [...endpoints], prefix });
  const host = { privateHostname: "node-1.internal", ports: { http: 80 } };
  await discovery.register("bench", host).waitRegistration();
  const env = { ...process.env, ETCD_HOSTS: endpoints.join(), ETCD_PREFIX: prefix };
  try {
    const {
      services = [],
      get = [],
      bare = [],
    } = await byTurns(4 * rounds, {
      services: () => firstOutput([command, "services"], env),
      get: () => firstOutput([command, "get", "bench"], env),
      bare: () => firstOutput(["--input-type=module", "-e", "process.stdout.write('{}')"], env),
    });
    /** @param {number[]} taken */
    const over = (taken) => median(taken.map((time, round) => time - (bare[round] ?? Number.NaN)));
    const row = { unit: "ms", goals: [atMost(150)] };
    const measure = "`etcd-discovery services` to first output, over bare node";
    return [
      { ...row, measure, ours: over(services) },
      { ...row, measure: "`etcd-discovery get`, the same", ours: over(get) },
    ];
  } finally {
    await discovery.close();
  }
}

/**
 * How long a process takes until it says something, in milliseconds.
 *
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 */
async function firstOutput(args, env) {
  const start = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const taken = performance.now() - start;
  child.stdout.resume();
  if (child.exitCode === null) await once(child, "close");
  return taken;
}
