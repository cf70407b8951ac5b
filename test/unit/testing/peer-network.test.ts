import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { PeerNetwork } from "../../../src/testing/peer-network.ts";
import { eventually } from "../../support/eventually.ts";

/** A member that answers each request with a first word, and leaves the answer open. */
async function member(network: PeerNetwork) {
  const answers: ServerResponse[] = [];
  const server = createServer((question, answer) => {
    answers.push(answer);
    question.resume();
    answer.write("a");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const proxy = new URL((await network.join(port))["HTTP_PROXY"] ?? "");
  return { port, proxy, answers };
}

type Member = Awaited<ReturnType<typeof member>>;

/** What a member has heard from another that it asked. */
function ask(from: Member, to: { port: number }) {
  const stream = { heard: "", status: 0, broken: false };
  const call = request({
    host: from.proxy.hostname,
    port: from.proxy.port,
    path: `http://0.0.0.0:${to.port}/raft/stream`,
    agent: false,
  });
  const broken = (): void => void (stream.broken = true);
  call.on("error", broken);
  call.on("response", (response: IncomingMessage) => {
    stream.status = response.statusCode ?? 0;
    response.setEncoding("latin1").on("data", (text: string) => (stream.heard += text));
    response.on("error", broken);
  });
  call.end();
  onTestFinished(() => void call.destroy());
  return stream;
}

async function network() {
  const all = new PeerNetwork();
  onTestFinished(() => all.close());
  const [cut, other, third] = [await member(all), await member(all), await member(all)];
  return { all, cut, other, third };
}

test("an isolated member neither asks nor is asked; nobody is told till it rejoins", async () => {
  const { all, cut, other, third } = await network();
  const old = [ask(cut, other), ask(other, cut)];
  const kept = ask(other, third);
  await eventually(() => [...old, kept].every(({ heard }) => heard === "a"));

  all.isolate(cut.port);
  expect([all.isIsolated(cut.port), all.isIsolated(other.port)]).toEqual([true, false]);
  const young = [ask(cut, other), ask(other, cut)];
  for (const { answers } of [cut, other, third]) for (const answer of answers) answer.write("b");
  await eventually(() => kept.heard === "ab");
  const through = ask(third, other);
  await eventually(() => through.heard === "a");
  for (const stream of old) expect(stream).toEqual({ heard: "a", status: 200, broken: false });
  for (const stream of young) expect(stream).toEqual({ heard: "", status: 0, broken: false });
  expect([cut, other, third].map(({ answers }) => answers.length)).toEqual([1, 2, 1]);
  expect([...cut.answers, ...other.answers].some((answer) => answer.closed)).toBe(false);

  all.rejoin(cut.port);
  await eventually(() => [...old, ...young].every(({ broken }) => broken));
  expect([kept.broken, through.broken]).toEqual([false, false]);
  const again = [ask(cut, other), ask(other, cut)];
  await eventually(() => again.every(({ heard }) => heard === "a"));
});

test("two that are isolated do not hear each other when one of them rejoins", async () => {
  const { all, cut, other, third } = await network();
  all.isolate(cut.port);
  all.isolate(other.port);
  const silent = ask(cut, other);
  all.rejoin(cut.port);
  const through = ask(cut, third);
  await eventually(() => through.heard === "a");
  expect(silent).toEqual({ heard: "", status: 0, broken: false });
});

test("it leads to its members only", async () => {
  const { cut } = await network();
  const foreign = ask(cut, { port: Number(cut.proxy.port) });
  await eventually(() => foreign.status === 404);
});
