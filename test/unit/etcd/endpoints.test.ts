import { expect, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import {
  type Blame,
  CallError,
  type CallErrorOptions,
} from "../../../src/store/etcd/call-error.ts";
import { Endpoints } from "../../../src/store/etcd/endpoints.ts";
import { manualClock } from "../../../src/testing/index.ts";

class ScriptedError extends CallError {
  readonly blame: Blame;

  constructor(blame: Blame, options?: CallErrorOptions) {
    super(`scripted: ${blame}`, options);
    this.blame = blame;
  }
}

interface ScriptedChannel {
  readonly address: string;
  disconnect(): void;
  close(): Promise<void>;
}

const connect = (address: string): ScriptedChannel => ({
  address,
  disconnect() {},
  async close() {},
});

/** @param late by how much its timers come late */
function endpointsOf(addresses: readonly string[], random: () => number, late = { ms: 0 }) {
  const clock = manualClock();
  const endpoints = new Endpoints<ScriptedChannel>({
    addresses,
    connect,
    clock: {
      now: () => clock.now(),
      setTimeout: (callback, delayMs) => clock.setTimeout(callback, delayMs + late.ms),
    },
    logger: silentLogger,
    random,
    failure: (kind, _message, options) =>
      new ScriptedError(kind === "silence" ? "silence" : "fault", options),
  });
  return { clock, endpoints };
}

const patiently = { timeoutMs: 5_000, repeatable: true };

/** What has come of a promise so far. */
function watched<T>(promise: Promise<T>): { outcome: unknown } {
  const seen: { outcome: unknown } = { outcome: undefined };
  promise.then(
    (value) => void (seen.outcome = value),
    (error: unknown) => void (seen.outcome = error),
  );
  return seen;
}

test("a call that waits goes on as soon as another one was answered", async () => {
  // The time that the endpoint is left alone for is almost the longest there is.
  const { clock, endpoints } = endpointsOf(["a"], () => 0.99);
  const endpoint = await endpoints.acquire(AbortSignal.timeout(5_000));
  for (let i = 0; i < 6; i += 1) {
    endpoints.leave(endpoint, endpoint.failures, new ScriptedError("fault", { neverSent: true }));
  }
  const call = watched(endpoints.call(async () => "answered", patiently));
  await clock.advance(100);
  expect(call.outcome).toBeUndefined();
  endpoint.answered();
  await clock.advance(0);
  expect(call.outcome).toBe("answered");
  await endpoints.close();
});

test("a call that waits for the best endpoint takes the one whose time comes first, if that is better by then", async () => {
  let jitter = 0;
  const { clock, endpoints } = endpointsOf(["spoke", "refused"], () => jitter);
  const forever = AbortSignal.timeout(5_000);
  const spoke = await endpoints.acquire(forever);
  expect(spoke.address).toBe("spoke");
  for (let i = 0; i < 5; i += 1) {
    endpoints.leave(spoke, spoke.failures, new ScriptedError("fault", { answered: true }));
  }
  spoke.answered();
  const refused = await endpoints.acquire(forever);
  expect(refused.address).toBe("refused");
  for (let i = 0; i < 3; i += 1) {
    jitter = 0.6;
    endpoints.leave(refused, refused.failures, new ScriptedError("fault", { neverSent: true }));
  }
  jitter = 0.85;
  endpoints.leave(spoke, spoke.failures, new ScriptedError("fault", { answered: true }));
  // Refused is ready in 0.12 s, spoke, which is the better one until then, in 0.85 s.
  expect(refused.readyAt).toBeLessThan(200);
  expect(spoke.readyAt).toBeGreaterThan(800);
  expect(spoke.expectedMs(0)).toBeLessThan(refused.expectedMs(0));
  const call = watched(endpoints.call(async ({ address }) => address, patiently));
  await clock.advance(200);
  expect(call.outcome).toBe("refused");
  await endpoints.close();
});

test("what can be answered in a moment is asked again after short and growing pauses, within its time", async () => {
  const { clock, endpoints } = endpointsOf(["a"], () => 0.5);
  const times: number[] = [];
  const passing = async (): Promise<never> => {
    times.push(clock.now());
    throw new ScriptedError("passing", { answered: true });
  };
  const call = watched(endpoints.call(passing, { timeoutMs: 500, repeatable: true }));
  await clock.advance(600);
  expect(call.outcome).toMatchObject({ blame: "passing" });
  const pauses = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  expect(pauses.slice(0, 4)).toEqual([7.5, 15, 30, 37.5]);
  expect(Math.max(...times)).toBeLessThan(500);
  expect(clock.timers).toBe(0);
  await endpoints.close();
});

test("such a pause ends with the caller's signal", async () => {
  const { clock, endpoints } = endpointsOf(["a"], () => 0.5);
  const controller = new AbortController();
  const passing = (): Promise<never> => Promise.reject(new ScriptedError("passing"));
  const call = watched(endpoints.call(passing, { ...patiently, signal: controller.signal }));
  await clock.advance(0);
  const reason = new Error("enough");
  controller.abort(reason);
  await clock.advance(0);
  expect(call.outcome).toBe(reason);
  expect(clock.timers).toBe(0);
  await endpoints.close();
});

test("where no endpoint will serve before somebody sees to it, a call fails at once, and asks each of them once", async () => {
  const { clock, endpoints } = endpointsOf(["a", "b"], () => 0.9);
  const asked: string[] = [];
  const unfit = async ({ address }: ScriptedChannel): Promise<never> => {
    asked.push(address);
    throw new ScriptedError("unfit", { answered: true });
  };
  const first = watched(endpoints.call(unfit, patiently));
  const second = watched(endpoints.call(unfit, patiently));
  await clock.advance(0);
  expect(first.outcome).toMatchObject({ blame: "unfit" });
  expect(second.outcome).toMatchObject({ blame: "unfit" });
  const third = watched(endpoints.call(unfit, patiently));
  await clock.advance(0);
  expect(third.outcome).toMatchObject({ blame: "unfit" });
  expect(asked.length).toBeLessThanOrEqual(4);
  // What has no end waits, and tries again.
  const acquired = watched(endpoints.acquire(new AbortController().signal));
  await clock.advance(0);
  expect(acquired.outcome).toBeUndefined();
  await clock.advance(1_000);
  expect(acquired.outcome).toBeDefined();
  await endpoints.close();
});

test("one endpoint that will not serve keeps no call from the others", async () => {
  const { clock, endpoints } = endpointsOf(["a", "b"], () => 0);
  const call = watched(
    endpoints.call(async ({ address }) => {
      if (address === "a") throw new ScriptedError("unfit", { answered: true });
      return address;
    }, patiently),
  );
  await clock.advance(0);
  expect(call.outcome).toBe("b");
  await endpoints.close();
});

test("a call that has no time left for an attempt of its own says why others failed, not that it was late", async () => {
  const late = { ms: 0 };
  const { clock, endpoints } = endpointsOf(["a"], () => 0.99, late);
  const endpoint = await endpoints.acquire(AbortSignal.timeout(5_000));
  const refused = new ScriptedError("fault", { neverSent: true });
  endpoints.leave(endpoint, endpoint.failures, refused);
  const leftMs = endpoint.readyAt - clock.now() + 5;
  const attempts: number[] = [];
  const tooShort = async (_channel: unknown, deadlineMs: number): Promise<never> => {
    attempts.push(deadlineMs);
    await new Promise<void>((resolve) => void clock.setTimeout(resolve, deadlineMs));
    throw new ScriptedError("silence", { neverSent: true });
  };
  const short = watched(endpoints.call(tooShort, { ...patiently, timeoutMs: leftMs }));
  await clock.advance(leftMs);
  expect(short.outcome).toMatchObject({ blame: "fault", cause: refused });
  expect(attempts).toHaveLength(1);
  expect(attempts[0]).toBeCloseTo(5);
  // The process did not get its turn before the call's time was over.
  endpoints.leave(endpoint, endpoint.failures, refused);
  late.ms = 10;
  const timeoutMs = endpoint.readyAt - clock.now() + 5;
  const never = watched(endpoints.call(tooShort, { ...patiently, timeoutMs }));
  await clock.advance(timeoutMs + late.ms);
  expect(never.outcome).toMatchObject({ blame: "fault", cause: refused });
  expect(attempts).toHaveLength(1);
  await endpoints.close();
});
