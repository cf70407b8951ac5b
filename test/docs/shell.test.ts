import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { freePorts } from "../../src/testing/free-ports.ts";
import { builtCommand } from "../support/built-command.ts";
import { commandFile } from "../support/run-command.ts";
import { startProgram } from "../support/program.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { fences, root } from "./pages.ts";
import { inPlaces } from "./run-program.ts";
import { commandsOf } from "./shell.ts";
import { openWorld } from "./world.ts";

// Every block that is no JavaScript.

const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
  readonly peerDependencies: Readonly<Record<string, string>>;
};

/** What `sh` blocks may have, and what has to be true of it. Else they are marked, with a reason. */
const known: Readonly<Record<string, (words: readonly string[]) => void>> = {
  npm: ([, command = "", ...rest]) => {
    const name = command === "run" ? rest[0] : command;
    if (command === "install") {
      for (const each of rest) expect(installable()).toContain(each.replace(/(?<=.)@.*/, ""));
    } else if (name !== "pack") expect(Object.keys(manifest.scripts)).toContain(name);
  },
  // What it grants is tried in secure.test.ts.
  etcdctl: (words) => expect(words.length).toBeGreaterThan(1),
  export: ([, assignment]) => expect(assignment).toMatch(/^(ETCD|ETCDCTL)_[A-Z]+=/),
};

const installable = (): string[] => [manifest.name, ...Object.keys(manifest.peerDependencies)];

/** Languages of which nothing is claimed but that they are shown. */
const shown = ["", "text", "go", "ini", "dockerfile", "yaml"];

test("every block is in a language that something is done about", () => {
  const done = [...shown, "js", "ts", "sh", "json", "python"];
  expect(fences.filter(({ language }) => !done.includes(language))).toEqual([]);
  expect(fences.filter(({ language }) => language === "").map(({ name }) => name)).toEqual([]);
});

test("JSON can be parsed", () => {
  for (const { text } of fences.filter(({ language }) => language === "json")) JSON.parse(text);
});

const blocks = fences.filter(({ language }) => language === "sh");

/** The subcommands of ours that a block runs. */
function oursIn(text: string): string[] {
  return commandsOf(text).flatMap(({ words }) => {
    const [first, second = "", third = ""] = words;
    if (first === manifest.name) return [second];
    return first === "npx" && second === manifest.name ? [third] : [];
  });
}

/** Why a block cannot be run on this machine, although our part of it could. */
function missingProgram(text: string): string | undefined {
  const names = commandsOf(text).map(({ words: [name = ""] }) => name);
  const paths = (process.env["PATH"] ?? "").split(delimiter);
  const name = names.find(
    (each) =>
      ![manifest.name, "npx", "export"].includes(each) &&
      !paths.some((path) => existsSync(join(path, each))),
  );
  return name === undefined ? undefined : `this machine has no ${name}`;
}

describe.concurrent("sh", () => {
  for (const { name, text, marks } of blocks) {
    test(name, { timeout: 60_000 }, async (context) => {
      const notRun = marks["no-run"];
      if (notRun !== undefined) {
        console.log(`skipped: ${name}: ${notRun}`);
        return context.skip(notRun);
      }
      const subcommands = oursIn(text);
      if (subcommands.length === 0) {
        for (const { words, text: command } of commandsOf(text)) {
          const check = known[words[0] ?? ""];
          if (check === undefined)
            throw new Error(`"${command}": mark the block with no-run="why"`);
          check(words);
        }
        return;
      }
      const commands = subcommands.map((each) => builtCommand(each));
      const missing =
        commands.find((each) => each.missing !== undefined)?.missing ?? missingProgram(text);
      if (missing !== undefined) {
        console.log(`skipped: ${name}: ${missing}`);
        return context.skip(missing);
      }
      await runOurs(text, marks);
    });
  }
});

/** Runs a block whose commands are ours as a shell does, where they are found on the `PATH`. */
async function runOurs(text: string, marks: Readonly<Record<string, string>>): Promise<void> {
  await using folder = await temporaryFolder();
  const run = `exec "${process.execPath}" "${commandFile}" "$@"`;
  await folder.script("bin/etcd-discovery", run);
  await folder.script("bin/npx", `shift\n${run}`);
  cpSync(join(root, "examples/sidecar"), join(folder.path, "sidecar"), { recursive: true });
  await using world = await openWorld(inject("etcd"));
  await using settlement = await world.settle("");
  const [port = 0] = await freePorts(1);
  const places = { "http://127.0.0.1:2379": inject("etcd"), "8080": String(port) };
  const file = join(folder.path, "block.sh");
  writeFileSync(file, inPlaces(text, places));
  await using program = startProgram("sh", ["-eu", file], {
    cwd: folder.path,
    group: true,
    env: {
      ETCD_HOSTS: inject("etcd"),
      ...{ ETCD_PREFIX: settlement.prefix, PORT: String(port) },
      PATH: [join(folder.path, "bin"), process.env["PATH"]].join(delimiter),
    },
  });
  if (marks["prints"] !== undefined) await program.said(marks["prints"], 20_000);
  if ("forever" in marks) program.kill("SIGINT");
  const { code, signal, output } = await program.exit;
  const interrupted = "forever" in marks && (signal === "SIGINT" || code === 130);
  if (code === 0 || interrupted) return;
  throw new Error(`it ended with ${signal ?? code}, and has said:\n${output}`);
}
