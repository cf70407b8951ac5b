import { rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { DiscoveryError } from "../errors.ts";
import { cacheFolder } from "./cache-folder.ts";
import { isExecutable, onPath, runCommand } from "./command.ts";
import { type DebianPackages, unpackDebianPackages } from "./debian-packages.ts";

/** An etcd that can be run on this machine. */
export interface EtcdBinary {
  /** The path of the `etcd` program. */
  readonly path: string;

  /** What `etcd --version` says, e.g. `3.4.23`. */
  readonly version: string;

  /** The path of `etcdctl`: the one beside this etcd, else the one on the `PATH`, if there is one. */
  readonly etcdctl: string | undefined;
}

export interface FindEtcdOptions {
  /** The program to use, instead of any that would be found. */
  readonly binary?: string | undefined;

  /** Where `ETCD_BIN` and `PATH` are read. Default: `process.env`. */
  readonly env?: NodeJS.ProcessEnv | undefined;

  /** A folder of the project whose cache is used. Default: the working directory. */
  readonly cwd?: string | undefined;

  /** Told, in a sentence, of what takes time: a package that is fetched. Default: nobody. */
  readonly report?: ((message: string) => void) | undefined;
}

const debian: DebianPackages = {
  what: "etcd",
  packages: ["etcd-server", "etcd-client"],
  program: "etcd",
};

/**
 * Finds an etcd to run, the first of:
 *
 * 1. the program named by `ETCD_BIN`;
 * 2. `etcd` on the `PATH`;
 * 3. the copy in the cache of the project, which is `node_modules/.cache/etcd-discovery` beside the
 *    nearest `package.json` from the working directory upwards (`.cache/etcd-discovery` where
 *    there is no `node_modules`);
 * 4. on Debian and Ubuntu, the packages `etcd-server` and `etcd-client`, fetched by `apt-get
 *    download` and unpacked into that cache. Nothing is installed. It needs no root as long as
 *    apt's package lists are there and fresh; as root it refreshes them where they are not;
 * 5. Homebrew: `brew install etcd`. (This branch was written from Homebrew's manual and not tried.)
 *
 * Several processes may do so at once.
 *
 * @throws DiscoveryError `INVALID_ARGUMENT` if `binary` or `ETCD_BIN` names no etcd, `UNAVAILABLE` if there is
 * none to be had; the message says what was tried and what to do.
 */
export async function findEtcd(options: FindEtcdOptions = {}): Promise<EtcdBinary> {
  const env = options.env ?? process.env;
  if (options.binary !== undefined) return await named("binary", options.binary, env);
  const variable = env["ETCD_BIN"];
  if (variable !== undefined && variable !== "") return await named("ETCD_BIN", variable, env);

  const installed = await onPath("etcd", env);
  const fromPath = installed === undefined ? undefined : await probe(installed, env);
  if (fromPath !== undefined) return fromPath;

  const cache = await cacheFolder("etcd", options.cwd ?? process.cwd());
  const cached = await probe(join(cache, "etcd"), env);
  if (cached !== undefined) return cached;
  // A copy that does not run, such as one of an older system, would be in the way of a new one.
  await rm(cache, { recursive: true, force: true });

  const report = options.report ?? (() => {});
  const unpacked = await unpackDebianPackages(debian, cache, { env, report });
  const fromPackage = unpacked.ok ? await probe(join(cache, "etcd"), env) : undefined;
  if (fromPackage !== undefined) return fromPackage;

  const brewed = await brew(env, report);
  const fromBrew = brewed.path === undefined ? undefined : await probe(brewed.path, env);
  if (fromBrew !== undefined) return fromBrew;

  throw new DiscoveryError(
    "UNAVAILABLE",
    "No etcd to run on this machine: install one so that `etcd` is on the PATH, or name one in " +
      `ETCD_BIN (Debian package: ${unpacked.ok ? "does not run here" : unpacked.reason}; ` +
      `Homebrew: ${brewed.reason}).`,
  );
}

/** The variables to run an etcd under: etcd reads every `ETCD_…` as a flag, so none of ours may reach it. */
export function etcdEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith("ETCD_")),
  );
  // etcd 3.4 wants to be told so outside of amd64 (its documentation, "supported platforms").
  if (process.arch !== "x64") clean["ETCD_UNSUPPORTED_ARCH"] = process.arch;
  return clean;
}

async function named(source: string, name: string, env: NodeJS.ProcessEnv): Promise<EtcdBinary> {
  const path = resolve(name);
  const binary = (await isExecutable(path)) ? await probe(path, env) : undefined;
  if (binary !== undefined) return binary;
  const why = (await isExecutable(path))
    ? "which does not answer to --version as etcd does"
    : "which is not a file that can be run";
  throw new DiscoveryError(
    "INVALID_ARGUMENT",
    `${source} is ${JSON.stringify(name)}, ${why}; name the etcd program itself, or leave it out.`,
  );
}

/** Asks a program for its version; `undefined` if it is no etcd, or does not run here. */
async function probe(path: string, env: NodeJS.ProcessEnv): Promise<EtcdBinary | undefined> {
  const result = await runCommand(path, ["--version"], {
    env: etcdEnvironment(env),
    timeoutMs: 30_000,
  });
  const version = /^etcd Version: (\d+\.\d+\.\S+)/m.exec(result.output)?.[1];
  if (!result.ok || version === undefined) return undefined;
  const beside = join(dirname(path), "etcdctl");
  const etcdctl = (await isExecutable(beside)) ? beside : await onPath("etcdctl", env);
  return { path, version, etcdctl };
}

async function brew(
  env: NodeJS.ProcessEnv,
  report: (message: string) => void,
): Promise<{ path?: string; reason: string }> {
  const program = await onPath("brew", env);
  if (program === undefined) return { reason: "not installed" };
  report("No etcd here yet: running `brew install etcd`.");
  const installed = await runCommand(program, ["install", "etcd"], { env, timeoutMs: 600_000 });
  if (!installed.ok)
    return { reason: `\`brew install etcd\` failed: ${lastLine(installed.output)}` };
  const prefix = await runCommand(program, ["--prefix", "etcd"], { env, timeoutMs: 60_000 });
  return { path: join(prefix.output, "bin", "etcd"), reason: "its etcd does not run here" };
}

function lastLine(text: string): string {
  return text.slice(text.lastIndexOf("\n") + 1);
}
