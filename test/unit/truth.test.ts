import fc from "fast-check";
import { afterEach, it, vi } from "vitest";
import { MemoryWorld } from "../fault/truth/memory-world.ts";
import { Player } from "../fault/truth/player.ts";
import { type HandStep, handStep, type Operation, operation } from "../fault/truth/steps.ts";

/** What befalls the store. */
type Fault = "away" | "silent" | "back" | "compacted" | "wiped" | "revoked";

interface Step {
  readonly after: number;
  readonly step:
    | { readonly operation: Operation }
    | { readonly hand: HandStep }
    | { readonly fault: Fault };
}

const fault = fc.constantFrom<Fault[]>(
  ...(["away", "silent", "back", "back", "compacted", "wiped", "revoked"] as const),
);
const step: fc.Arbitrary<Step> = fc.record({
  after: fc.constantFrom(0, 0, 0, 10, 60, 500, 3_000, 20_000),
  step: fc.oneof(
    { weight: 12, arbitrary: fc.record({ operation }) },
    { weight: 3, arbitrary: fc.record({ hand: handStep }) },
    { weight: 4, arbitrary: fc.record({ fault }) },
  ),
});

const ttlSeconds = 5;

afterEach(() => void vi.restoreAllMocks());

/** Numbers that look random, the same ones each time. */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function befall({ store }: MemoryWorld, what: Fault): void {
  if (what === "away") store.outage(true);
  else if (what === "silent") store.outage("silent");
  else if (what === "back") store.outage(false);
  else if (what === "compacted") store.compact();
  else if (what === "wiped") store.wipe();
  else store.revokeSessions();
}

async function play(steps: readonly Step[]): Promise<void> {
  vi.spyOn(Math, "random").mockImplementation(pseudoRandom(1));
  const world = new MemoryWorld(ttlSeconds);
  const { clock, store } = world;
  const player = new Player(world);
  world.heard = (process, news) => player.heard(process, news);
  for (let process = 0; process < 2; process += 1) {
    player.perform({ do: "start" });
    for (const service of [0, 1, 2]) {
      player.perform({ do: "subscribe", discovery: process, service, as: "events" });
      player.perform({ do: "subscribe", discovery: process, service, as: "views" });
    }
  }
  for (const { after, step: next } of steps) {
    await clock.advance(after);
    if ("operation" in next) player.perform(next.operation);
    else if ("hand" in next) await Promise.all([player.performByHand(next.hand), clock.advance(1)]);
    else {
      player.note(`the store is ${next.fault}`);
      befall(world, next.fault);
    }
  }
  store.outage(false);
  player.note("all is healed");
  player.readLate();
  await clock.advance(5_000 + ttlSeconds * 1_000);
  for (const wrong of await player.wrong()) player.fault(`not settled: ${wrong}`);

  // What is well stays well, and is told no second time.
  const told = player.told.length;
  await clock.advance(400_000);
  for (const wrong of await player.wrong()) player.fault(`did not stay: ${wrong}`);
  for (const line of player.told.slice(told)) player.fault(`unrest: ${line}`);
  const reports = player.ask({ do: "report" }, (process, news) => {
    if (!("standings" in news)) return;
    for (const standing of news.standings) {
      for (const wrong of player.wrongStanding(process, standing)) player.fault(wrong);
    }
  });
  await clock.advance(0);
  await reports;
  const owners = new Set(player.model.wanted.map(({ discovery }) => discovery));
  if (store.sessions > owners.size) {
    player.fault(`${store.sessions} sessions for ${owners.size} discoveries`);
  }

  player.endAll();
  await world.end();
  for (const wrong of await player.wrong()) player.fault(`after the end: ${wrong}`);
  if (clock.timers > 0) player.fault(`${clock.timers} timers are left`);
  await clock.advance(ttlSeconds * 1_000);
  if (store.sessions > 0) player.fault(`${store.sessions} sessions are left`);
  if (player.faults.length > 0) throw new Error([...player.faults, "", ...player.told].join("\n"));
}

/** What a failure prints as its seed and its path plays it again. */
const { TRUTH_RUNS: runs = "60", TRUTH_SEED: seed, TRUTH_PATH: path } = process.env;

it(
  "whatever processes do and whatever befalls the store, the truth comes out",
  { timeout: 600_000 },
  async () => {
    await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), play), {
      numRuns: Number(runs),
      endOnFailure: process.env["TRUTH_SHRINK"] === undefined,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    });
  },
);
