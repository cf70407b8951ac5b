import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { commandFile as path } from "./run-command.ts";

let help: string | undefined;

/** The built program of the command `etcd-discovery`, or why there is none that has this subcommand. */
export function builtCommand(
  subcommand: string,
): { readonly path: string; readonly missing?: undefined } | { readonly missing: string } {
  if (!existsSync(path)) return { missing: "the command is not built: no dist/cli/main.js" };
  help ??= spawnSync(process.execPath, [path, "--help"], { encoding: "utf8" }).stdout;
  const known = Array.from(help.matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name);
  // A flag is for the command itself.
  return subcommand.startsWith("-") || known.includes(subcommand)
    ? { path }
    : { missing: `the command has no "${subcommand}" yet` };
}
