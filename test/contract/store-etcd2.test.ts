import { afterAll, beforeAll } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { etcd2UnderTest } from "../support/etcd2-contract.ts";
import { testContract } from "../support/test-contract.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
});

afterAll(() => etcd.stop());

// etcd v2 changes one key at a time, and has no sessions: each key has a time of its own.
testContract(
  async () => etcd2UnderTest(etcd),
  ["atomicWrites", "oneRoundTrip", "sessions", "revokeSessions"],
);
