import { dirname, join, resolve } from "node:path";
import { cacheFolder } from "../../src/testing/cache-folder.ts";
import { isExecutable, onPath, runCommand } from "../../src/testing/command.ts";
import { unpackDebianPackages } from "../../src/testing/debian-packages.ts";

/** A Prometheus that can be run on this machine. */
export interface PrometheusBinary {
  readonly prometheus: string;

  /** The path of the `promtool` beside it. */
  readonly promtool: string;
  readonly version: string;
}

const debian = { what: "Prometheus", packages: ["prometheus"], program: "prometheus" };

let found: Promise<PrometheusBinary | string> | undefined;

/**
 * Finds a Prometheus: the one named by `PROMETHEUS_BIN`, else the one on the `PATH`, else the one in the
 * cache of the project, to which the package of Debian or Ubuntu is fetched. Where there is none resolves
 * with the reason; rejects if `PROMETHEUS_BIN` names none.
 */
export function findPrometheus(): Promise<PrometheusBinary | string> {
  found ??= find();
  return found;
}

async function find(): Promise<PrometheusBinary | string> {
  const { env } = process;
  const named = env["PROMETHEUS_BIN"];
  if (named !== undefined && named !== "") {
    const binary = await probe(resolve(named));
    if (binary !== undefined) return binary;
    throw new Error(`PROMETHEUS_BIN is ${JSON.stringify(named)}, which is no Prometheus`);
  }
  const installed = await onPath("prometheus", env);
  const fromPath = installed === undefined ? undefined : await probe(installed);
  if (fromPath !== undefined) return fromPath;
  const cache = await cacheFolder("prometheus", process.cwd());
  const cached = await probe(join(cache, "prometheus"));
  if (cached !== undefined) return cached;
  const unpacked = await unpackDebianPackages(debian, cache, { env, report: console.log });
  if (!unpacked.ok) return `there is no Prometheus (Debian package: ${unpacked.reason})`;
  const fetched = await probe(join(cache, "prometheus"));
  return fetched ?? "the Prometheus of the Debian package does not run here";
}

/** Undefined if it is none, or has no `promtool` beside it. */
async function probe(prometheus: string): Promise<PrometheusBinary | undefined> {
  const promtool = join(dirname(prometheus), "promtool");
  if (!(await isExecutable(prometheus)) || !(await isExecutable(promtool))) return undefined;
  const { ok, output } = await runCommand(prometheus, ["--version"], {
    env: process.env,
    timeoutMs: 30_000,
  });
  const version = /^prometheus, version (\S+)/m.exec(output)?.[1];
  return ok && version !== undefined ? { prometheus, promtool, version } : undefined;
}
