import { startEtcd } from "../../src/testing/index.ts";
import { etcd3UnderTest } from "../support/etcd3-contract.ts";
import { testContract } from "../support/test-contract.ts";

// etcd v3 does not tell why a key was deleted.
testContract(
  () => startEtcd(),
  (etcd) => etcd3UnderTest(etcd, { near: etcd.endpoint, far: etcd.endpoint }),
  ["reasons"],
);
