import { describe, expect, test } from "vitest";
import { delay } from "../../../src/async/abort.ts";
import { Ending } from "../../../src/cli/commands/register/ending.ts";
import type { ProgramEnd } from "../../../src/cli/commands/register/exit-status.ts";
import { Leaving } from "../../../src/cli/commands/register/leaving.ts";
import type { RegistrationState } from "../../../src/index.ts";
import { manualClock } from "../../../src/testing/index.ts";

/** A program and a registration that do what a test says, and what was done to them, and when. */
function stage({
  drainMs = 0,
  graceMs = 6_000,
  unregisterMs = 10,
  markMs = 10,
  state = "registered" as RegistrationState,
  endsOn = {} as Readonly<Partial<Record<NodeJS.Signals, number>>>,
}) {
  const clock = manualClock();
  const log: string[] = [];
  const note = (what: string): void => void log.push(`${clock.now()} ${what}`);
  let end: (end: ProgramEnd) => void = () => {};
  let go: () => void = () => {};
  let over = false;
  const ended = new Promise<ProgramEnd>((resolve) => (end = resolve));
  const gone = new Promise<void>((resolve) => (go = resolve));
  const program = {
    ended,
    gone,
    get over() {
      return over;
    },
    send(signal: NodeJS.Signals) {
      note(signal);
      const afterMs = signal === "SIGKILL" ? 0 : endsOn[signal];
      if (afterMs !== undefined) clock.setTimeout(() => finish({ code: null, signal }), afterMs);
    },
  };
  function finish(how: ProgramEnd, { leavesSomething = false } = {}): void {
    note("ended");
    end(how);
    if (leavesSomething) return;
    over = true;
    go();
  }
  const registration = {
    state,
    async update() {
      note("marking");
      await delay(clock, markMs);
      note("marked");
    },
    async unregister() {
      note("unregistering");
      await delay(clock, unregisterMs);
      note("unregistered");
    },
  };
  const leaving = new Leaving(registration, drainMs, clock);
  const ending = new Ending({
    program,
    leave: async () => void (await leaving.leave()),
    skipDrain: () => leaving.skipDrain(),
    skipLeaving: () => leaving.skip(),
    signalling: () => {},
    graceMs,
    clock,
  });
  return { clock, ending, finish, leaving, log, result: ending.wait() };
}

describe("the order in which a program and its registration end", () => {
  test("told to stop: unregistered, then the same signal, and nothing after its end", async () => {
    const { clock, ending, log, result } = stage({ endsOn: { SIGINT: 300 } });
    await clock.advance(100);
    ending.stop("SIGINT");
    await clock.advance(60_000);
    await expect(result).resolves.toEqual({ code: null, signal: "SIGINT" });
    expect(log).toEqual(["100 unregistering", "110 unregistered", "110 SIGINT", "410 ended"]);
  });

  test("a program that does not heed the signal is killed when its grace is over", async () => {
    const { clock, ending, log, result } = stage({ graceMs: 5_000 });
    ending.stop("SIGTERM");
    await clock.advance(60_000);
    await expect(result).resolves.toEqual({ code: null, signal: "SIGKILL" });
    expect(log.slice(-3)).toEqual(["10 SIGTERM", "5010 SIGKILL", "5010 ended"]);
  });

  test("an etcd that does not answer holds it for 2 s, and all is over within Docker's 10 s", async () => {
    const { clock, ending, log, result } = stage({ unregisterMs: 1e6 });
    ending.stop("SIGTERM");
    await clock.advance(60_000);
    await result;
    expect(log).toEqual(["0 unregistering", "2000 SIGTERM", "8000 SIGKILL", "8000 ended"]);
  });

  test("drains first: marked, some time, unregistered", async () => {
    const { clock, ending, log } = stage({ drainMs: 5_000, endsOn: { SIGTERM: 0 } });
    ending.stop("SIGTERM");
    await clock.advance(60_000);
    expect(log).toEqual([
      "0 marking",
      "10 marked",
      "5010 unregistering",
      "5020 unregistered",
      "5020 SIGTERM",
      "5020 ended",
    ]);
  });

  test("marking and unregistering together take 2 s at most, and nobody waits for a mark that nobody sees", async () => {
    const { clock, ending, log } = stage({ drainMs: 5_000, markMs: 1e6, unregisterMs: 1e6 });
    ending.stop("SIGTERM");
    await clock.advance(7_000);
    expect(log).toEqual(["0 marking", "2000 unregistering", "2000 SIGTERM"]);
  });

  test.each<RegistrationState>(["registering", "lost", "unhealthy"])(
    "does not drain what is not listed: %s",
    async (state) => {
      const { clock, ending, log } = stage({ drainMs: 5_000, state, endsOn: { SIGTERM: 0 } });
      ending.stop("SIGTERM");
      await clock.advance(60_000);
      expect(log[0]).toBe("0 unregistering");
      expect(log).toContain("10 SIGTERM");
    },
  );

  test("a second signal skips draining and unregistering, a third one the grace", async () => {
    const { clock, ending, log } = stage({ drainMs: 5_000, unregisterMs: 1e6 });
    ending.stop("SIGINT");
    await clock.advance(1_000);
    ending.stop("SIGTERM");
    await clock.advance(1_000);
    ending.stop("SIGTERM");
    await clock.advance(1_000);
    expect(log).toEqual([
      "0 marking",
      "10 marked",
      "1000 unregistering",
      "1000 SIGTERM",
      "2000 SIGKILL",
      "2000 ended",
    ]);
  });

  test("a second signal during the grace kills at once", async () => {
    const { clock, ending, log } = stage({});
    ending.stop("SIGTERM");
    await clock.advance(1_000);
    ending.stop("SIGTERM");
    await clock.advance(0);
    expect(log.slice(-3)).toEqual(["10 SIGTERM", "1000 SIGKILL", "1000 ended"]);
  });

  test("the program's own end unregisters, and sends no signal", async () => {
    const { clock, finish, log, result } = stage({ drainMs: 5_000 });
    await clock.advance(100);
    finish({ code: 3, signal: null });
    await clock.advance(1_000);
    await expect(result).resolves.toEqual({ code: 3, signal: null });
    expect(log).toEqual(["100 ended", "100 unregistering", "110 unregistered"]);
  });

  test("a program that ends while it drains is unregistered at once", async () => {
    const { clock, ending, finish, log } = stage({ drainMs: 5_000 });
    ending.stop("SIGTERM");
    await clock.advance(1_000);
    finish({ code: 0, signal: null });
    await clock.advance(60_000);
    expect(log.slice(2)).toEqual(["1000 ended", "1000 unregistering", "1010 unregistered"]);
  });

  test("what the program leaves behind in its group gets SIGTERM, some time, and SIGKILL", async () => {
    const { clock, finish, log, result } = stage({ graceMs: 3_000 });
    finish({ code: 1, signal: null }, { leavesSomething: true });
    await clock.advance(60_000);
    await expect(result).resolves.toEqual({ code: 1, signal: null });
    expect(log.slice(3)).toEqual(["10 SIGTERM", "3010 SIGKILL", "3010 ended"]);
  });
});
