import { afterEach, beforeEach, expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../../src/testing/index.ts";
import { type RecordingLogger, recordingLogger } from "../../support/recording-logger.ts";

const host = { privateHostname: "n1", ports: { http: 80 } };

let clock: ManualClock;
let store: MemoryStore;
let logger: RecordingLogger;
let discovery: Discovery;

beforeEach(() => {
  clock = manualClock();
  store = memoryStore({ clock });
  logger = recordingLogger();
  discovery = new Discovery({ store, logger });
});

afterEach(async () => {
  store.outage(false);
  await discovery.close();
  // By then the store has let go of sessions that nobody kept.
  await clock.advance(10_000);
  expect(clock.timers).toBe(0);
});

const warnings = () =>
  logger.lines.filter(
    ({ level, message }) => level === "warn" && message.startsWith("could not open a session"),
  ).length;

test("each outage in which no session can be opened is warned of once, also when the last was given back", async () => {
  for (let outages = 1; outages <= 3; outages += 1) {
    store.outage(true);
    const registration = discovery.register("api", host);
    await clock.advance(30_000);
    expect(warnings()).toBe(outages);
    store.outage(false);
    await clock.advance(2_000);
    expect(registration.state).toBe("registered");
    await registration.unregister();
    await clock.advance(10_000);
    expect(store.sessions).toBe(0);
  }
});

test("that nobody wants a session for a while is not the end of an outage", async () => {
  store.outage(true);
  for (let attempts = 0; attempts < 3; attempts += 1) {
    const registration = discovery.register("api", host);
    await clock.advance(5_000);
    void registration.unregister();
    await clock.advance(10_000);
  }
  expect(warnings()).toBe(1);
});

test("a session that was lost in the outage that keeps the next from being opened is warned of apart", async () => {
  const registration = discovery.register("api", host);
  await clock.advance(1_000);
  store.outage(true);
  await clock.advance(30_000);
  expect(registration.state).toBe("lost");
  expect(warnings()).toBe(1);
  expect(logger.text()).toContain("the session was lost");
});
