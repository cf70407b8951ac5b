// The dashboard as users start it: the built command, as a process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";

const command = join(dirname(dirname(import.meta.dirname)), "dist", "cli", "main.js");

/**
 * Resolves when it has said where it is.
 *
 * @param {string} endpoint of etcd
 */
export async function startUi(endpoint) {
  const child = spawn(process.execPath, [command, "--endpoints", endpoint, "ui", "--port", "0"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, "line"), ended.then(() => undefined)]);
  if (first === undefined) throw new Error("etcd-discovery ui has ended; see above");
  return {
    url: String(first[0]),
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}
