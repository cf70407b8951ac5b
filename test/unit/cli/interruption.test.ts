import { expect, test } from "vitest";
import { Interruption } from "../../../src/cli/interruption.ts";

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
