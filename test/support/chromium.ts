import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isExecutable, onPath, runCommand } from "../../src/testing/command.ts";

/** A Chromium to test in, or why there is none. */
export type FoundChromium =
  | { readonly path: string; readonly reason?: undefined }
  | { readonly path?: undefined; readonly reason: string };

interface Surroundings {
  readonly env: NodeJS.ProcessEnv;

  /** Told, in a sentence, of what takes time. */
  readonly report: (message: string) => void;
}

const names = ["chromium", "google-chrome", "chromium-browser"];

/** How long to wait for another process that holds apt's locks. */
const lockWaitSeconds = 300;

/**
 * Finds a Chromium: the one named by `CHROMIUM_BIN`, else one on the `PATH`, else, as root where there is
 * apt, the Debian package, which it installs. Several processes may do so at once. Never rejects.
 */
export async function findChromium({
  env = process.env,
  report = console.log,
}: Partial<Surroundings> = {}): Promise<FoundChromium> {
  const named = env["CHROMIUM_BIN"];
  if (named !== undefined && named !== "") {
    const path = resolve(named);
    if (await isExecutable(path)) return { path };
    return {
      reason: `CHROMIUM_BIN is ${JSON.stringify(named)}, which is not a file that can be run`,
    };
  }
  return (await installed(env)) ?? (await install({ env, report }));
}

async function installed(env: NodeJS.ProcessEnv): Promise<FoundChromium | undefined> {
  for (const name of names) {
    const path = await onPath(name, env);
    if (path !== undefined) return { path };
  }
  return undefined;
}

async function install({ env, report }: Surroundings): Promise<FoundChromium> {
  const none = "no Chromium is named by CHROMIUM_BIN or on the PATH";
  const apt = await onPath("apt-get", env);
  if (apt === undefined) return { reason: `${none}, and there is no apt-get to install one` };
  if (process.getuid?.() !== 0) {
    return { reason: `${none}, and only root can install one (apt-get install chromium)` };
  }
  report("No Chromium here yet: installing the package chromium with apt-get.");
  const quiet = { ...env, DEBIAN_FRONTEND: "noninteractive" };
  const run = async (...args: string[]) => {
    const lock = ["-o", `DPkg::Lock::Timeout=${lockWaitSeconds}`];
    return await runCommand(apt, [...lock, ...args], { env: quiet, timeoutMs: 900_000 });
  };
  const deadline = performance.now() + lockWaitSeconds * 1_000;
  for (;;) {
    const done = await run("install", "-y", "--no-install-recommends", "chromium");
    const found = await installed(env);
    if (found !== undefined) return found;
    if (done.ok) return { reason: `${none}, also after apt-get install chromium` };
    // The lists are missing or stale; their lock is not one that apt waits for.
    const updated = await run("update");
    const locked = !updated.ok && updated.output.includes("lock");
    if (!updated.ok && !locked)
      return { reason: `${none}, and apt-get update failed: ${lastError(updated.output)}` };
    if (performance.now() > deadline) {
      return { reason: `${none}, and apt-get install failed: ${lastError(done.output)}` };
    }
    await sleep(500);
  }
}

function lastError(output: string): string {
  const lines = output.split("\n");
  return lines.findLast((line) => line.startsWith("E:")) ?? lines.at(-1) ?? "";
}
