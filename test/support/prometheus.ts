import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import type { PrometheusBinary } from "./prometheus-binary.ts";
import { temporaryFolder } from "./temporary-folder.ts";

/** A Prometheus that runs, with a storage of its own; ended when it is disposed of. */
export interface RunningPrometheus extends AsyncDisposable {
  /** What its HTTP API answers, such as `/api/v1/targets`. */
  api<T>(path: string): Promise<T>;
}

/** One target, as `/api/v1/targets` tells it. */
export interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly scrapePool: string;
  readonly scrapeUrl: string;
  readonly health: "up" | "down" | "unknown";
  readonly lastError: string;
}

/** @param config as in `prometheus.yml`, which JSON is, too */
export async function startPrometheus(
  { prometheus }: PrometheusBinary,
  config: object,
): Promise<RunningPrometheus> {
  const folder = await temporaryFolder();
  const file = join(folder.path, "prometheus.yml");
  await writeFile(file, JSON.stringify(config));
  await mkdir(join(folder.path, "data"));
  const child = spawn(
    prometheus,
    [
      `--config.file=${file}`,
      "--web.listen-address=127.0.0.1:0",
      `--storage.tsdb.path=${join(folder.path, "data")}`,
      "--storage.tsdb.wal-segment-size=10MB",
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  }
  const ended = once(child, "close");
  let address = "";
  const running: RunningPrometheus = {
    async api<T>(path: string) {
      const answer = await fetch(`http://${address}${path}`);
      const { data, error } = (await answer.json()) as { data?: unknown; error?: string };
      if (error !== undefined) throw new Error(`Prometheus: ${error}`);
      return data as T;
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      await folder[Symbol.asyncDispose]();
    },
  };
  try {
    await eventually(
      async () => {
        if (child.exitCode !== null) return true;
        address = /"Listening on" address=(\S+)/.exec(output)?.[1] ?? "";
        return address !== "" && (await fetch(`http://${address}/-/ready`)).status === 200;
      },
      30_000,
      50,
    );
    if (child.exitCode !== null) throw new Error(`Prometheus has ended: ${output}`);
    return running;
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs promtool on a text, and returns what it says; throws that if it finds fault. */
export function promtool(
  { promtool: program }: PrometheusBinary,
  args: readonly string[],
  input = "",
): string {
  const { status, stderr, stdout } = spawnSync(program, args, {
    input,
    encoding: "utf8",
    timeout: 30_000,
  });
  const output = `${stdout}${stderr}`.trim();
  if (status !== 0) throw new Error(`promtool ${args.join(" ")} (${status}): ${output}`);
  return output;
}
