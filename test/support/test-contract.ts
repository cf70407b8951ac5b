import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type EtcdCluster,
  type StoreContractNeed,
  type StoreContractTest,
  type StoreUnderTest,
  storeContract,
} from "../../src/testing/index.ts";

/** Longer than the suite itself waits for anything. */
const timeoutMs = 60_000;

/** What a test would do to all others on the same etcd; it mostly waits meanwhile. */
const befalls: readonly StoreContractNeed[] = ["outage", "wipe", "compact", "kill"];

/** Sees that nothing else is left out than what cannot be tested. */
function reporter(untestable: readonly StoreContractNeed[]): (message: string) => void {
  const notTested: string[] = [];
  afterAll(() => {
    const needs = notTested.map((message) => /no (\w+) here/.exec(message)?.[1]);
    expect(new Set(needs)).toEqual(new Set(untestable));
  });
  return (message) => {
    notTested.push(message);
    console.log(message);
  };
}

function declare(tests: readonly StoreContractTest[], concurrent: boolean): void {
  for (const { name, run } of tests) test(name, { concurrent, timeout: timeoutMs }, run);
}

/** Runs the contract of stores, all of it at once. Nothing may be done to what all tests would suffer. */
export function testContractAtOnce(
  open: () => Promise<StoreUnderTest>,
  untestable: readonly StoreContractNeed[],
): void {
  declare(storeContract({ open, report: reporter(untestable) }), true);
}

/**
 * Runs the contract of stores: one test after the other on one etcd, and those that would do harm to
 * the others at once, each on an etcd of its own.
 */
export function testContract(
  start: () => Promise<EtcdCluster>,
  underTest: (etcd: EtcdCluster) => StoreUnderTest,
  untestable: readonly StoreContractNeed[],
): void {
  const report = reporter(untestable);
  const doesHarm = ({ needs }: StoreContractTest) => needs.some((need) => befalls.includes(need));

  describe("on one etcd", () => {
    let etcd: EtcdCluster;
    beforeAll(async () => {
      etcd = await start();
    });
    afterAll(() => etcd.stop());
    const contract = storeContract({ open: async () => underTest(etcd), report });
    declare(
      contract.filter((each) => !doesHarm(each)),
      false,
    );
  });

  describe("on an etcd of its own", () => {
    const contract = storeContract({
      async open() {
        const etcd = await start();
        const subject = underTest(etcd);
        const release = async (): Promise<void> => {
          await subject.release?.();
          await etcd.stop();
        };
        return { ...subject, release };
      },
      report,
    });
    declare(contract.filter(doesHarm), true);
  });
}
