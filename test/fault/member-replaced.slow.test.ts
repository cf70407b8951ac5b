import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { EtcdCluster, EtcdJson } from "../../src/testing/index.ts";
import { findEtcd } from "../../src/testing/index.ts";
import { memberFlags } from "../../src/testing/etcd-flags.ts";
import { EtcdProcess } from "../../src/testing/etcd-process.ts";
import { EtcdReaper } from "../../src/testing/etcd-reaper.ts";
import { freePorts } from "../../src/testing/free-ports.ts";
import { lookUpAllTheTime } from "../support/lookups.ts";
import { service, startThreeMembers } from "../support/three-members.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

interface Listed {
  readonly ID: string;
  readonly name?: string;
  readonly peerURLs: readonly string[];
  readonly clientURLs?: readonly string[];
}

async function membersOf(etcd: EtcdCluster): Promise<readonly Listed[]> {
  const { members } = (await etcd.call("/v3/cluster/member/list", {})) as EtcdJson & {
    readonly members: readonly Listed[];
  };
  return members;
}

test("a member is replaced by one at another address, and then the cluster depends on the new one: nobody notices", async () => {
  await using folder = await temporaryFolder();
  const [port = 0, peerPort = 0] = await freePorts(2);
  const endpoint = `http://127.0.0.1:${port}`;
  const added = { name: "new", endpoint, peerPort, peer: `http://127.0.0.1:${peerPort}` };
  await using trio = await startThreeMembers({
    // Else it takes no new member before the others have been seen for 5 s.
    etcd: { args: ["--strict-reconfig-check=false"] },
    further: [endpoint],
  });
  const { clients, etcd } = trio;
  const before = await trio.created();
  const lookups = clients.map(({ discovery }) => lookUpAllTheTime(discovery, service));
  const leader = await etcd.leader();
  const others = etcd.members.filter((member) => member !== leader);

  // The leader goes for good.
  const listed = await membersOf(etcd);
  const leaving = listed.find(({ clientURLs }) => clientURLs?.includes(leader.endpoint));
  await leader.kill();
  await etcd.leader();
  await etcd.call("/v3/cluster/member/remove", { ID: leaving?.ID });
  await etcd.call("/v3/cluster/member/add", { peerURLs: [added.peer] });
  const all = (await membersOf(etcd)).map(({ name, peerURLs }) => {
    return name === undefined || name === "" ? added : { ...added, name, peer: peerURLs[0] ?? "" };
  });
  const own = join(folder.path, "m");
  await mkdir(own);
  const reaper = new EtcdReaper(own);
  const process = new EtcdProcess((await findEtcd()).path, own, reaper);
  try {
    const args = ["--initial-cluster-state", "existing"];
    await process.launch(
      memberFlags(added, all, { version: etcd.version, token: "any", tls: [], args }),
    );
    await process.waitHealthy(performance.now() + 30_000, undefined);

    // Two of three serve: without the new one there would be none.
    await others[0]?.kill();
    await clients[0]?.registration.update({ weight: 2 });
    await Promise.all(clients.map(({ follower }) => follower.agrees(etcd, 10_000)));
    for (const each of lookups) await each.stop();
    const slowestMs = Math.max(...lookups.map((each) => each.slowestMs));
    console.log(`the slowest lookup took ${Math.round(slowestMs)} ms`);
    expect(lookups.flatMap(({ failures }) => failures)).toEqual([]);
    expect(clients.map(({ states }) => states)).toEqual(clients.map(() => []));
    expect(await trio.created()).toEqual(before);
    for (const { discovery, follower } of clients) {
      expect(follower.told.filter((event) => event.startsWith("down"))).toEqual([]);
      expect([others[1]?.endpoint, endpoint]).toContain(discovery.health().etcd.endpoint);
    }
  } finally {
    for (const each of lookups) await each.stop();
    await process.kill();
    await reaper.close();
  }
});
