import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Clock } from "../../src/async/clock.ts";
import { Heartbeat } from "../../src/store/etcd3/heartbeat.ts";
import { manualClock } from "../../src/testing/manual-clock.ts";

function beating(clock: Clock) {
  const peer = { busy: true, bytesRead: 0, answered: [] as (() => void)[], dead: 0 };
  const heartbeat = new Heartbeat(
    {
      busy: () => peer.busy,
      bytesRead: () => peer.bytesRead,
      ping: (answered) => peer.answered.push(answered),
      dead: () => {
        peer.dead += 1;
        heartbeat.stop();
      },
    },
    { clock, intervalMs: 10_000, timeoutMs: 3_000 },
  );
  return { peer, heartbeat };
}

test("whatever comes counts as a sign of life, not only the answer", async () => {
  const clock = manualClock();
  const { peer, heartbeat } = beating(clock);
  heartbeat.start();
  await clock.advance(10_000);
  expect(peer.answered).toHaveLength(1);
  for (let piece = 0; piece < 4; piece += 1) {
    peer.bytesRead += 100;
    await clock.advance(3_000);
  }
  expect(peer.dead).toBe(0);
  await clock.advance(3_000);
  expect(peer.dead).toBe(1);
  expect(clock.timers).toBe(0);
});

test("what is read after a timer that came late still counts", async () => {
  const due: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    setTimeout(callback) {
      due.push(callback);
      return () => {};
    },
  };
  const { peer, heartbeat } = beating(clock);
  heartbeat.start();
  due.shift()?.();
  // As after a standstill of the process: first the timer, then the answer that lay waiting.
  due.shift()?.();
  peer.answered[0]?.();
  await turn();
  expect(peer.dead).toBe(0);
});

test("asks each interval, however late the answers come", async () => {
  const clock = manualClock();
  const { peer, heartbeat } = beating(clock);
  heartbeat.start();
  heartbeat.start();
  await clock.advance(10_000);
  await clock.advance(2_000);
  peer.answered[0]?.();
  await clock.advance(9_999);
  expect(peer.answered).toHaveLength(1);
  await clock.advance(1);
  expect(peer.answered).toHaveLength(2);
});

test("stops asking once the connection is idle, and begins again", async () => {
  const clock = manualClock();
  const { peer, heartbeat } = beating(clock);
  heartbeat.start();
  peer.busy = false;
  await clock.advance(10_000);
  expect(peer.answered).toHaveLength(0);
  expect(clock.timers).toBe(0);
  peer.busy = true;
  heartbeat.start();
  await clock.advance(10_000);
  expect(peer.answered).toHaveLength(1);
});

test("once stopped it never comes back", async () => {
  const clock = manualClock();
  const { peer, heartbeat } = beating(clock);
  heartbeat.start();
  await clock.advance(10_000);
  heartbeat.stop();
  peer.answered[0]?.();
  heartbeat.start();
  await clock.advance(60_000);
  expect([peer.answered.length, peer.dead, clock.timers]).toEqual([1, 0, 0]);
});
