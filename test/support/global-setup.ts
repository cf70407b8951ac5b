import type { TestProject } from "vitest/node";
import { type EtcdCluster, findEtcd, startEtcd } from "../../src/testing/index.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The endpoint of an etcd that all tests share: use names of your own, and break nothing. */
    readonly etcd: string;
  }
}

let etcd: EtcdCluster | undefined;

/** Runs one etcd for the tests that do not break it; those that do start their own. */
export async function setup(project: TestProject): Promise<void> {
  const { path, version } = await findEtcd({ report: console.log });
  console.log(`etcd ${version} at ${path}`);
  etcd = await startEtcd({ binary: path });
  project.provide("etcd", etcd.endpoint);
}

export async function teardown(): Promise<void> {
  await etcd?.stop();
}
