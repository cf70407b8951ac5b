import { afterAll, beforeAll } from "vitest";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { etcd3UnderTest } from "../support/etcd3-contract.ts";
import { testContractAtOnce } from "../support/test-contract.ts";

/**
 * The contract over a network that takes its time, all of it at once: what two clients do, and what
 * they are told, comes in other orders than on loopback. What befalls etcd itself is tested without.
 */
let etcd: EtcdCluster;
let near: TcpProxy;
let far: TcpProxy;

beforeAll(async () => {
  etcd = await startEtcd();
  near = await startProxy(etcd.endpoint);
  far = await startProxy(etcd.endpoint);
  near.delay(1);
  far.delay(5);
});

afterAll(async () => {
  await Promise.all([near.stop(), far.stop()]);
  await etcd.stop();
});

testContractAtOnce(async () => {
  const ways = { near: near.endpoint, far: far.endpoint };
  const { store, another, litter, roundTrips } = etcd3UnderTest(etcd, ways);
  return { store, another, litter, roundTrips };
}, ["reasons", "outage", "wipe", "compact", "sessions", "revokeSessions"]);
