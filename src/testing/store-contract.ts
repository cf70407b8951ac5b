import assert from "node:assert/strict";

import { Bench, type ContractCase } from "./store-contract/bench.ts";
import { conditions } from "./store-contract/conditions.ts";
import { faults } from "./store-contract/faults.ts";
import { lifecycle } from "./store-contract/lifecycle.ts";
import { reads } from "./store-contract/reads.ts";
import { sessions } from "./store-contract/sessions.ts";
import type { StoreContractNeed, StoreUnderTest } from "./store-contract/subject.ts";
import { watches } from "./store-contract/watches.ts";
import { writes } from "./store-contract/writes.ts";

export type { SecondClient, StoreContractNeed, StoreUnderTest } from "./store-contract/subject.ts";

export interface StoreContractOptions {
  /**
   * Opens a store for one test. Several tests may share what lies behind it: each uses services of
   * its own, and leaves infos behind, since these cannot be deleted.
   */
  readonly open: () => Promise<StoreUnderTest>;

  /** Told what is not tested, and why; by default it is printed. */
  readonly report?: ((message: string) => void) | undefined;
}

/** One test of the contract, for whatever test runner there is. */
export interface StoreContractTest {
  readonly name: string;

  /** The capabilities and the means without which it is reported as not tested. */
  readonly needs: readonly StoreContractNeed[];

  /** Rejects with an `AssertionError` when the store breaks the contract. */
  readonly run: () => Promise<void>;
}

/**
 * The contract of `Store` as tests, for any driver:
 *
 * ```ts
 * for (const { name, run } of storeContract({ open: async () => ({ store: memoryStore() }) })) {
 *   test(name, run);
 * }
 * ```
 *
 * Each waits, without sleeping, for up to 20 s of real time for what must happen: give it a timeout
 * beyond that. What a store does not declare in its `capabilities`, and what cannot be brought about for want of
 * a means in {@link StoreUnderTest}, is reported as not tested.
 */
export function storeContract({
  open,
  report = console.log,
}: StoreContractOptions): StoreContractTest[] {
  const cases = [
    ...reads,
    ...conditions,
    ...writes,
    ...sessions,
    ...watches,
    ...faults,
    ...lifecycle,
  ];
  return cases.map((contractCase) => ({
    name: contractCase.name,
    needs: contractCase.needs ?? [],
    run: () => runCase(contractCase, open, report),
  }));
}

async function runCase(
  { name, needs = [], run }: ContractCase,
  open: () => Promise<StoreUnderTest>,
  report: (message: string) => void,
): Promise<void> {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  try {
    const bench = new Bench(await open());
    try {
      const missing = await bench.missing(needs);
      if (missing === undefined) await run(bench);
      else report(`store contract, not tested: ${name} (no ${missing} here)`);
    } finally {
      await bench.close();
    }
  } finally {
    process.off("unhandledRejection", onUnhandled);
  }
  assert.deepEqual(unhandled, [], "unhandled rejections");
}
