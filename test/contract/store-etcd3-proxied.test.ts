import { afterAll, beforeAll } from "vitest";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { etcd3UnderTest, testContract } from "../support/etcd3-contract.ts";

/**
 * The contract over a network that takes its time: what two clients do, and what they are told,
 * comes in other orders than on loopback. What outages do is tested without it.
 */
let etcd: EtcdCluster;
let near: TcpProxy;
let far: TcpProxy;

beforeAll(async () => {
  etcd = await startEtcd();
  near = await startProxy(etcd.endpoint);
  far = await startProxy(etcd.endpoint);
  near.delay(1);
  far.delay(8);
});

afterAll(async () => {
  await Promise.all([near.stop(), far.stop()]);
  await etcd.stop();
});

testContract(async () => {
  const { outage: _, ...rest } = etcd3UnderTest(etcd, { near: near.endpoint, far: far.endpoint });
  return rest;
}, ["reasons", "outage"]);
