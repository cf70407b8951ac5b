import { afterAll, beforeAll } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { etcd3UnderTest } from "../support/etcd3-contract.ts";
import { testContract } from "../support/test-contract.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd();
});

afterAll(() => etcd.stop());

// etcd v3 does not tell why a key was deleted.
testContract(
  async () => etcd3UnderTest(etcd, { near: etcd.endpoint, far: etcd.endpoint }),
  ["reasons"],
);
