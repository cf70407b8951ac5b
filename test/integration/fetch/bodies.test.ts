import { createHash, randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { expect, test } from "vitest";
import { serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/";

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

test("large bodies arrive whole, both ways, by fetch and by undici", async () => {
  await using stage = await serviceStage();
  await stage.start({
    answer: ({ body }, response) => response.end(Buffer.concat([body, body])),
  });
  const body = randomBytes(5_000_000);
  const expected = digest(Buffer.concat([body, body]));
  const stream = (): ReadableStream<Uint8Array> => new Blob([body]).stream();
  const { client } = stage;
  for (const sent of [
    { method: "PUT", body },
    { method: "POST", body: stream() },
  ] as const) {
    const response = await client.fetch(url, { ...sent, duplex: "half" });
    expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(expected);
  }
  const answer = await request(url, { method: "POST", body, dispatcher: client.dispatcher });
  expect(digest(await answer.body.bytes())).toBe(expected);
});

test("a streamed body may take longer than an attempt, as long as it gets on, and so may a response", async () => {
  await using stage = await serviceStage({ attemptTimeoutMs: 300 });
  await stage.start({
    async answer({ body }, response) {
      response.writeHead(200).write("a");
      for (const piece of ["b", "c", "d"]) {
        await sleep(150);
        response.write(piece);
      }
      response.end(String(body.length));
    },
  });
  async function* slowly(): AsyncGenerator<Uint8Array> {
    for (let count = 0; count < 5; count += 1) {
      yield Buffer.from("piece");
      await sleep(100);
    }
  }
  const sent = { method: "POST", body: slowly(), duplex: "half" } as const;
  const response = await stage.client.fetch(url, sent);
  expect(await response.text()).toBe("abcd25");
});

test("a response that nobody reads is held back, and then comes whole", async () => {
  await using stage = await serviceStage();
  const all = randomBytes(20_000_000);
  let written = 0;
  await stage.start({
    answer: (_, response) => {
      const next = (): void => {
        if (written === all.length) return void response.end();
        const piece = all.subarray(written, written + 100_000);
        written += piece.length;
        response.write(piece, next);
      };
      next();
    },
  });
  const response = await stage.client.fetch(url);
  let before = -1;
  // What is under way fits into the buffers of the system.
  while (written > before) {
    before = written;
    await sleep(100);
  }
  expect(written).toBeLessThan(all.length);
  expect(digest(new Uint8Array(await response.arrayBuffer()))).toBe(digest(all));
});
