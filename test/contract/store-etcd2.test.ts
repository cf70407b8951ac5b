import { startEtcd } from "../../src/testing/index.ts";
import { etcd2UnderTest } from "../support/etcd2-contract.ts";
import { testContract } from "../support/test-contract.ts";

// etcd v2 changes one key at a time, and has no sessions: each key has a time of its own.
testContract(
  () => startEtcd({ args: ["--enable-v2"] }),
  (etcd) => etcd2UnderTest(etcd),
  ["atomicWrites", "oneRoundTrip", "sessions", "revokeSessions"],
);
