import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { unblocked } from "../../../src/cli/unblocked.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

test.runIf(process.platform === "linux")("a pipe that nobody reads is not waited for", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "pipe");
  execFileSync("mkfifo", [path]);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  // This end waits, as one does that a program was given.
  const writer = openSync(path, constants.O_WRONLY);
  try {
    const stream = unblocked({ write: () => expect.fail("it waits") }, writer);
    expect(stream.write("first\n")).toBe(true);
    const line = "x".repeat(4_000);
    let lines = 0;
    while (stream.write(line)) lines += 1;
    expect(lines).toBeGreaterThan(0);
    const buffer = Buffer.alloc(2 ** 20);
    const length = readSync(reader, buffer);
    expect(buffer.subarray(0, length).toString()).toBe(`first\n${line.repeat(lines)}`);
    expect(stream.write("again\n")).toBe(true);
  } finally {
    closeSync(writer);
    closeSync(reader);
  }
});

test("a file stays as it is", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "log");
  writeFileSync(path, "");
  const file = openSync(path, "a");
  const stream = { write: () => true };
  expect(unblocked(stream, file)).toBe(stream);
  closeSync(file);
  expect(unblocked(stream, file)).toBe(stream);
});
