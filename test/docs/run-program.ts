import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "../support/eventually.ts";
import { type ProgramEnd, startProgram } from "../support/program.ts";

/** What stands on the pages for something that is another here, and that thing. */
export type Places = Readonly<Record<string, string>>;

/** On pages it is where all the world may come, or a port of its own; here nobody but us, at any port. */
const onLoopback: Places = {
  "0.0.0.0:50051": "127.0.0.1:0",
  "listen(9464,": "listen(0,",
};

export function inPlaces(text: string, places: Places): string {
  return Object.entries({ ...onLoopback, ...places }).reduce(
    (result, [there, here]) => result.replaceAll(there, here),
    text,
  );
}

/** How long a program may take to say all it has to; a server that drains takes 5 s to end. */
const withinMs = 20_000;

/**
 * Runs a compiled program until it has done all it has to do, and has printed what it should; then
 * tells it to end. Throws with all that it said if it does not get there, or does not end well.
 */
export async function runProgram(
  folder: string,
  {
    file,
    text,
    prints,
    forever,
  }: { file: string; text: string; prints: readonly string[]; forever: boolean },
  env: Readonly<Record<string, string>>,
): Promise<ProgramEnd> {
  const path = join(folder, file);
  writeFileSync(path, text);
  let done = false;
  const args = ["--unhandled-rejections=strict", join(folder, "harness.mjs"), path];
  await using program = startProgram(process.execPath, args, {
    ...{ env, cwd: folder },
    told: () => (done = true),
  });
  for (const line of prints) await program.said(line, withinMs);
  // It says "done" right before it may end by itself.
  if (!forever) {
    await Promise.race([eventually(() => done, withinMs, 10), program.exit]).catch(() => {
      throw new Error(`it does not come to its end, and has said:\n${program.output()}`);
    });
  }
  program.kill("SIGTERM");
  const end = await program.exit;
  if (end.signal === "SIGTERM" || end.code === 0) return end;
  throw new Error(`it ended with ${end.signal ?? end.code}, and has said:\n${end.output}`);
}

/** Whether it was printed one after the other. */
export function isInOrder(output: string, prints: readonly string[]): boolean {
  let from = 0;
  for (const line of prints) {
    const at = output.indexOf(line, from);
    if (at === -1) return false;
    from = at + line.length;
  }
  return true;
}
