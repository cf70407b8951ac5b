import { expect, test } from "vitest";
import { heedingSignals, Interruption } from "../../../src/cli/interruption.ts";

const come = (signal: NodeJS.Signals): void => void process.emit(signal, signal);

test("signals that are handed over are told, and abort nothing", () => {
  const told: string[] = [];
  const interruption = new Interruption();
  try {
    interruption.handOver(["SIGTERM", "SIGWINCH"], (signal) => told.push(signal));
    come("SIGTERM");
    come("SIGWINCH");
    come("SIGTERM");
    expect(told).toEqual(["SIGTERM", "SIGWINCH", "SIGTERM"]);
    expect(interruption.signal.aborted).toBe(false);
    expect(interruption.received).toBeUndefined();
    expect(process.listenerCount("SIGINT")).toBe(0);
  } finally {
    interruption.release();
  }
  expect(process.listenerCount("SIGTERM")).toBe(0);
  expect(process.listenerCount("SIGWINCH")).toBe(0);
});

test("one that came before is told when they are handed over, and ends nothing by itself", () => {
  const told: string[] = [];
  const interruption = new Interruption();
  try {
    come("SIGTERM");
    expect(interruption.received).toBe("SIGTERM");
    interruption.handOver(["SIGTERM"], (signal) => told.push(signal));
    expect(told).toEqual(["SIGTERM"]);
    expect(interruption.received).toBeUndefined();
  } finally {
    interruption.release();
  }
});

test("while the event loop is held up nobody listens for signals, which then end the process", () => {
  const interruption = new Interruption();
  try {
    const listeners = process.listenerCount("SIGINT");
    expect(heedingSignals(() => process.listenerCount("SIGINT"))).toBe(0);
    expect(() =>
      heedingSignals(() => {
        throw new Error("EAGAIN");
      }),
    ).toThrow("EAGAIN");
    expect(process.listenerCount("SIGINT")).toBe(listeners);
    come("SIGTERM");
    expect(interruption.received).toBe("SIGTERM");
  } finally {
    interruption.release();
  }
  expect(process.listenerCount("SIGINT")).toBe(0);
});
