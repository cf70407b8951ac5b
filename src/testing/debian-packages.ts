import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isExecutable, onPath, runCommand } from "./command.ts";

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly report: (message: string) => void;
}

/** Packages of Debian or Ubuntu that bring programs along. */
export interface DebianPackages {
  /** What they are fetched for, in messages, such as `etcd`. */
  readonly what: string;

  /** Their names. */
  readonly packages: readonly string[];

  /** A program in `/usr/bin` of theirs. */
  readonly program: string;
}

type Outcome = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** How long to wait for another process that holds apt's lock, as a fresh container's first update does. */
const lockWaitMs = 120_000;

/**
 * Fetches packages with apt and puts the programs of theirs into `folder`. Nothing is installed, so it
 * needs no root. Never rejects.
 */
export async function unpackDebianPackages(
  wanted: DebianPackages,
  folder: string,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { env, report } = surroundings;
  const apt = await onPath("apt-get", env);
  const dpkg = await onPath("dpkg-deb", env);
  if (apt === undefined || dpkg === undefined) {
    return { ok: false, reason: "apt-get and dpkg-deb are not on the PATH" };
  }
  const { what, packages } = wanted;
  const names = `${packages.length > 1 ? "packages" : "package"} ${packages.join(" and ")}`;
  report(`No ${what} here yet: fetching the ${names} with apt-get.`);
  let work: string | undefined;
  try {
    const parent = dirname(folder);
    await mkdir(parent, { recursive: true });
    work = await mkdtemp(join(parent, "unpack-"));
    const fetched = await download(apt, packages, work, surroundings);
    if (!fetched.ok) return fetched;
    for (const name of await readdir(work)) {
      if (!name.endsWith(".deb")) continue;
      const unpacked = await runCommand(dpkg, ["-x", join(work, name), join(work, "root")], {
        env,
        timeoutMs: 60_000,
      });
      if (!unpacked.ok) return { ok: false, reason: `dpkg-deb failed: ${unpacked.output}` };
    }
    await install(join(work, "root", "usr", "bin"), folder, wanted.program);
    return { ok: true };
  } catch (error) {
    return { ok: false, reason: `it could not be unpacked: ${String(error)}` };
  } finally {
    if (work !== undefined) await rm(work, { recursive: true, force: true });
  }
}

/** Downloads the packages into `work`; as root it refreshes apt's lists if that fails, for they are missing or stale. */
async function download(
  apt: string,
  packages: readonly string[],
  work: string,
  surroundings: Surroundings,
): Promise<Outcome> {
  const { env, report } = surroundings;
  const fetch = async () =>
    await runCommand(apt, ["download", ...packages], {
      cwd: work,
      env,
      timeoutMs: 180_000,
    });
  const first = await fetch();
  if (first.ok) return { ok: true };
  if (process.getuid?.() !== 0) {
    return {
      ok: false,
      reason: `apt-get download failed, perhaps for want of package lists (as root: apt-get update): ${lastError(first.output)}`,
    };
  }
  report("apt's package lists are missing or stale: running apt-get update.");
  const deadline = performance.now() + lockWaitMs;
  for (;;) {
    const updated = await runCommand(apt, ["update"], { env, timeoutMs: 300_000 });
    const again = await fetch();
    if (again.ok) return { ok: true };
    const locked = !updated.ok && updated.output.includes("lock");
    if (!locked || performance.now() > deadline) {
      const reason = updated.ok ? "" : `apt-get update failed: ${lastError(updated.output)}; `;
      return { ok: false, reason: `${reason}apt-get download failed: ${lastError(again.output)}` };
    }
    await sleep(500);
  }
}

/** Moves a folder of programs into place at once, so that nobody ever finds half of it. */
async function install(programs: string, folder: string, program: string): Promise<void> {
  try {
    await rename(programs, folder);
  } catch (error) {
    // Another process was faster.
    if (!(await isExecutable(join(folder, program)))) throw error;
  }
}

function lastError(output: string): string {
  const lines = output.split("\n");
  return lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? "";
}
