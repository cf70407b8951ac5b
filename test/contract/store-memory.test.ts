import { afterAll, describe, expect, test } from "vitest";

import { manualClock } from "../../src/testing/manual-clock.ts";
import { memoryStore } from "../../src/testing/memory-store.ts";
import { storeContract } from "../../src/testing/store-contract.ts";

/** What neither can be here nor makes sense for records in this process. */
const untestable = ["litter", "reasons", "roundTrips"];

/** Longer than the suite itself waits for anything. */
const timeoutMs = 60_000;

describe("the contract, by a clock of the tests' own", () => {
  const notTested: string[] = [];

  const contract = storeContract({
    async open() {
      const clock = manualClock();
      const store = memoryStore({ clock });
      return {
        store,
        another: async () => {
          const client = store.connect();
          return { store: client, kill: () => client.kill() };
        },
        compact: () => store.compact(),
        wipe: () => store.wipe(),
        revokeSessions: () => store.revokeSessions(),
        sessions: () => store.sessions,
        outage: (away) => store.outage(away),
        tick: () => clock.advance(50),
        async release() {
          // What a killed client has left behind goes with its time.
          await clock.advance(60_000);
          expect([clock.timers, store.sessions]).toEqual([0, 0]);
        },
      };
    },
    report(message) {
      notTested.push(message);
      console.log(message);
    },
  });

  for (const { name, run } of contract) test(name, run, timeoutMs);

  afterAll(() => {
    const needs = notTested.map((message) => /no (\w+) here/.exec(message)?.[1]);
    expect(new Set(needs)).toEqual(new Set(untestable));
  });
});

describe("the contract, by the real clock", () => {
  const contract = storeContract({
    open: async () => ({ store: memoryStore() }),
    report: () => {},
  });
  for (const { name, run } of contract) test.concurrent(name, run, timeoutMs);
});
