import { execFileSync } from "node:child_process";

/** Runs a command to its end; its output is printed only when it fails. */
export function run(command, args, options = {}) {
  try {
    return execFileSync(command, args, {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      ...options,
    });
  } catch (error) {
    const output = `${error.stdout ?? ""}${error.stderr ?? ""}`.trim();
    throw new Error(`${command} ${args.join(" ")} failed\n${output || error.message}`, {
      cause: error,
    });
  }
}
