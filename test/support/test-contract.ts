import { afterAll, expect, test } from "vitest";
import { type StoreUnderTest, storeContract } from "../../src/testing/index.ts";
import type { Need } from "../../src/testing/store-contract/subject.ts";

/** Longer than the suite itself waits for anything. */
const timeoutMs = 60_000;

/**
 * Runs the contract of stores, and sees that nothing else is left out than what cannot be tested.
 * All of it at once if told to; then nothing may be done to the etcd that all tests would suffer.
 */
export function testContract(
  open: () => Promise<StoreUnderTest>,
  untestable: readonly Need[],
  { concurrent = false }: { readonly concurrent?: boolean } = {},
): void {
  const notTested: string[] = [];
  const contract = storeContract({
    open,
    report(message) {
      notTested.push(message);
      console.log(message);
    },
  });
  for (const { name, run } of contract) test(name, { concurrent, timeout: timeoutMs }, run);
  afterAll(() => {
    const needs = notTested.map((message) => /no (\w+) here/.exec(message)?.[1]);
    expect(new Set(needs)).toEqual(new Set(untestable));
  });
}
