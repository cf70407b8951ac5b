import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import { Etcd3Store } from "../../../src/store/etcd3/etcd3-store.ts";
import { GrpcError, GrpcStatus } from "../../../src/store/etcd3/grpc-error.ts";
import { isMended } from "../../../src/store/etcd3/old-leader.ts";
import type { Session } from "../../../src/store/store.ts";
import { type ManualClock, manualClock } from "../../../src/testing/index.ts";
import { ScriptedChannel } from "../../support/scripted-channel.ts";

let clock: ManualClock;
let store: Etcd3Store;
let channel: ScriptedChannel;
let etcd: { raftTerm: bigint; version: string; members: number; tells: boolean };

beforeEach(() => {
  clock = manualClock();
  channel = new ScriptedChannel();
  etcd = { raftTerm: 2n, version: "3.4.23", members: 3, tells: true };
  channel.answer = (method) => {
    if (method === "LeaseGrant") return { header: header(), TTL: 6n };
    if (!etcd.tells) throw new GrpcError(GrpcStatus.PERMISSION_DENIED, "not for you");
    if (method === "Status") return { header: header(), version: etcd.version };
    if (method === "MemberList") {
      return { header: header(), members: Array.from({ length: etcd.members }, () => []) };
    }
    return { header: header() };
  };
  store = new Etcd3Store({
    ...{ addresses: ["etcd"], connect: () => channel, prefix: "" },
    ...{ clock, logger: silentLogger },
  });
});

afterEach(() => store.close());

const header = (): object => ({ clusterId: 7n, revision: 9n, raftTerm: etcd.raftTerm });

/** The lease is kept alive once more. */
async function renewed(session: Session): Promise<void> {
  await clock.advance(1_000);
  const stream = channel.streams.at(-1);
  const asked = stream?.requests.at(-1) as { ID: bigint } | undefined;
  stream?.send({ header: header(), ID: asked?.ID, TTL: 6n });
  expect(session.remainingMs).toBe(6_000);
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

const open = (): Promise<Session> => store.openSession({ ttlSeconds: 5, timeoutMs: 1_000 });

test("a session is outdated when an etcd that may be mistaken has chosen another leader", async () => {
  const session = await open();
  await renewed(session);
  expect(session.outdated?.aborted).toBe(false);
  etcd.raftTerm = 3n;
  await renewed(session);
  expect(session.outdated?.aborted).toBe(true);
  expect(session.ended.aborted).toBe(false);
  // One that begins now is known to the new leader alone.
  const next = await open();
  await renewed(next);
  expect(next.outdated?.aborted).toBe(false);
});

test.each([
  ["that makes no such mistake", { version: "3.5.13" }],
  ["of one member", { members: 1 }],
])("another term of an etcd %s means nothing", async (_, what) => {
  const session = await open();
  Object.assign(etcd, what, { raftTerm: 3n });
  await renewed(session);
  expect(session.outdated?.aborted).toBe(false);
});

test("an etcd that does not tell what it is is asked again", async () => {
  const session = await open();
  Object.assign(etcd, { raftTerm: 3n, tells: false });
  await renewed(session);
  expect(session.outdated?.aborted).toBe(false);
  etcd.tells = true;
  await renewed(session);
  expect(session.outdated?.aborted).toBe(true);
});

test.each([
  ["3.3.27", false],
  ["3.4.0", false],
  ["3.4.30", false],
  ["3.4.31", true],
  ["3.5.0-rc.1", false],
  ["3.5.12", false],
  ["3.5.13", true],
  ["3.6.0", true],
  ["4.0.0", true],
])("etcd %s is mended: %s", (version, mended) => {
  expect(isMended(version)).toBe(mended);
});
