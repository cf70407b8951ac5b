import { setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import type { AgentProgram } from "./agent-process.ts";
import { type Fault, faultOfOne, faultOfThree } from "./faults.ts";
import { Player } from "./player.ts";
import { RealWorld } from "./real-world.ts";
import { handStep, type HandStep, operation, type Operation } from "./steps.ts";

/** What is promised: so long after the last fault has healed, besides the TTL. */
const promisedMs = 5_000;

/** A connection that fell silent is noticed so long after. */
const noticedMs = 10_000;

/** One step, and how long after the one before. */
interface Step {
  readonly after: number;
  readonly step:
    | { readonly operation: Operation }
    | { readonly hand: HandStep }
    | { readonly fault: Fault };
}

/** All that is done to processes, etcd and the network, and when. */
export interface History {
  readonly members: 1 | 3;
  readonly ttlSeconds: number;
  readonly processes: number;
  readonly steps: readonly Step[];

  /** Whether to look again after the time of a lease. */
  readonly lingers: boolean;
}

/** How a history ended. */
export interface Outcome {
  /** What was not as it must be; empty: all was well. */
  readonly faults: readonly string[];
  readonly told: readonly string[];

  /** How long after the last fault was healed all was as it must be. */
  readonly settledMs: number;
}

function stepsOf(fault: fc.Arbitrary<Fault>): fc.Arbitrary<Step[]> {
  const step = fc.oneof(
    { weight: 12, arbitrary: fc.record({ operation }) },
    { weight: 2, arbitrary: fc.record({ hand: handStep }) },
    { weight: 5, arbitrary: fc.record({ fault }) },
  );
  const after = fc.constantFrom(0, 0, 20, 60, 150, 400);
  return fc.array(fc.record({ after, step }), { minLength: 20, maxLength: 45, size: "max" });
}

const history: fc.Arbitrary<History> = fc.constantFrom<(1 | 3)[]>(1, 1, 1, 3).chain((members) =>
  fc.record({
    members: fc.constant(members),
    ttlSeconds: fc.constantFrom(2, 2, 3),
    processes: fc.integer({ min: 2, max: 4 }),
    steps: stepsOf(members === 1 ? faultOfOne : faultOfThree),
    lingers: fc.constantFrom(true, false, false),
  }),
);

/** The history of a seed, always the same. */
export function historyOf(seed: number): History {
  const [sampled] = fc.sample(fc.noBias(history), { seed, numRuns: 1 });
  if (sampled === undefined) throw new Error("no history");
  return sampled;
}

/** Plays a history on an etcd and processes of its own, and says what was not as it must be. */
export async function play(program: AgentProgram, history: History): Promise<Outcome> {
  const { members, ttlSeconds, steps, processes } = history;
  await using world = await RealWorld.open({ program, members, ttlSeconds });
  const player = new Player(world);
  world.heard = (process, news) => player.heard(process, news);
  world.noted = (text) => player.note(text);
  for (let i = 0; i < processes; i += 1) {
    player.perform({ do: "start" });
    player.perform({ do: "subscribe", discovery: i, service: i, as: "events" });
    player.perform({ do: "subscribe", discovery: i, service: i + 1, as: "views" });
  }
  for (const { after, step } of steps) {
    if (after > 0) await sleep(after);
    if ("operation" in step) player.perform(step.operation);
    else if ("hand" in step) await player.performByHand(step.hand);
    else world.befall(step.fault);
  }
  await world.healed();
  player.note("all is healed");
  const healedAt = world.now;
  player.readLate();
  const settledMs = await settle(world, player, history, healedAt);
  if (history.lingers && player.faults.length === 0) await linger(world, player, history);
  await end(world, player, ttlSeconds);
  return { faults: player.faults, told: player.told, settledMs };
}

/** Waits until all is as it must be, for as long as that may take. Returns how long it took. */
async function settle(
  world: RealWorld,
  player: Player,
  { ttlSeconds }: History,
  healedAt: number,
): Promise<number> {
  const noticed = world.droppedAt === undefined ? 0 : world.droppedAt + noticedMs;
  for (;;) {
    const wrong = await wrongNow(player);
    if (wrong.length === 0) wrong.push(...(await wrongStandings(player)));
    if (wrong.length === 0) {
      player.note("all is settled");
      return world.now - healedAt;
    }
    const from = Math.max(healedAt, noticed, world.disturbedAt ?? 0);
    if (world.now > from + promisedMs + ttlSeconds * 1_000) {
      for (const each of wrong) player.fault(`not settled: ${each}`);
      return Infinity;
    }
    await sleep(60);
  }
}

async function wrongNow(player: Player): Promise<string[]> {
  return await player.wrong().catch((error: unknown) => [String(error)]);
}

async function wrongStandings(player: Player): Promise<string[]> {
  const wrong: string[] = [];
  await player.ask({ do: "report" }, (process, news) => {
    if (!("standings" in news)) return;
    for (const each of news.standings) wrong.push(...player.wrongStanding(process, each));
  });
  return wrong;
}

/** What is well must stay well, and no lease is kept that nobody needs. */
async function linger(world: RealWorld, player: Player, history: History): Promise<void> {
  const from = world.now;
  const told = player.told.length;
  const wrong: string[] = [];
  while (world.now - from < history.ttlSeconds * 1_000 + 1_500) {
    await sleep(100);
    wrong.push(...(await wrongNow(player)));
  }
  const leases = await world.leases().catch(() => []);
  if ((world.disturbedAt ?? 0) > from || (world.droppedAt ?? 0) + noticedMs > from) {
    await settle(world, player, history, world.now);
    return;
  }
  for (const each of new Set(wrong)) player.fault(`did not stay: ${each}`);
  const discoveries = new Set(player.model.wanted.map(({ discovery }) => discovery));
  if (leases.length > discoveries.size) {
    player.fault(`${leases.length} leases for ${discoveries.size} discoveries`);
  }
  for (const each of player.told.slice(told)) {
    if (/is told|adopted|is (lost|registering)/.test(each)) player.fault(`unrest: ${each}`);
  }
}

/** All is closed, the processes end by themselves, and nothing is left on etcd. */
async function end(world: RealWorld, player: Player, ttlSeconds: number): Promise<void> {
  player.endAll();
  await player.ask({ do: "end" }, (process, news) => {
    if (!("left" in news)) return;
    if (news.left.length > 0) player.fault(`${process} has left: ${news.left.join(", ")}`);
  });
  for (const process of player.processes) {
    const how = await world.exitOf(process, 5_000);
    if (how !== "0") player.fault(`${process} did not end well: ${how}`);
  }
  // Those of killed processes, and those that nobody knows of, run out.
  const endedAt = world.now;
  for (;;) {
    const leases = await world.leases().catch(() => ["unknown"]);
    const wrong = await wrongNow(player);
    if (leases.length === 0 && wrong.length === 0) return;
    const deadline = Math.max(endedAt, world.disturbedAt ?? 0) + ttlSeconds * 1_000 + 2_000;
    if (world.now > deadline) {
      if (leases.length > 0) player.fault(`${leases.length} leases are left on etcd`);
      for (const each of wrong) player.fault(`after the end: ${each}`);
      return;
    }
    await sleep(60);
  }
}
