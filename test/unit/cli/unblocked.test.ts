import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { unblocked } from "../../../src/cli/unblocked.ts";
import { eventually } from "../../support/eventually.ts";
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

/** Both ends of a connection, of which the first is to be written to by its descriptor. */
async function socketPair(folder: string) {
  const server = createServer({ pauseOnConnect: true });
  server.listen(join(folder, "socket"));
  await once(server, "listening");
  const writer = connect(join(folder, "socket"));
  const [reader] = (await once(server, "connection")) as [Socket];
  const { fd } = Reflect.get(writer, "_handle") as { readonly fd: number };
  const close = (): void => {
    writer.destroy();
    reader.destroy();
    server.close();
  };
  return { descriptor: fd, reader, [Symbol.dispose]: close };
}

const noFallback = { write: () => expect.fail("it waits") };

describe.runIf(process.platform !== "win32")("a socket", () => {
  test("that nobody reads is not waited for, but for a moment at the end", async () => {
    await using folder = await temporaryFolder();
    using pair = await socketPair(folder.path);
    const stream = unblocked(noFallback, pair.descriptor);
    const line = `${"x".repeat(3_999)}\n`;
    let lines = 0;
    // More than the socket has room for: what more is taken depends on what the copier has got so far.
    await eventually(() => {
      while (stream.write(line)) lines += 1;
      return lines > 50;
    });
    await stream.flush?.();
    let read = "";
    pair.reader.setEncoding("utf8").on("data", (text: string) => (read += text));
    pair.reader.resume();
    await eventually(() => read.startsWith(line));
  });

  test("gets all that there is room for, in order, until the end", async () => {
    await using folder = await temporaryFolder();
    using pair = await socketPair(folder.path);
    const stream = unblocked(noFallback, pair.descriptor);
    let read = "";
    pair.reader.setEncoding("utf8").on("data", (text: string) => (read += text));
    pair.reader.resume();
    expect(stream.write("first\n")).toBe(true);
    await eventually(() => read === "first\n");
    stream.write("second\n");
    stream.write("last\n");
    await stream.flush?.();
    await eventually(() => read === "first\nsecond\nlast\n");
  });
});
