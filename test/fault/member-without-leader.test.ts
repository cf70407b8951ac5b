import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { GrpcStatus } from "../../src/store/etcd3/grpc-error.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { ScriptedEtcd } from "../support/scripted-etcd.ts";
import type { Refusal } from "../support/scripted-watches.ts";
import { witness } from "../support/witness.ts";

const noLeader: Refusal = { status: GrpcStatus.UNAVAILABLE, message: "etcdserver: no leader" };

test("a watch on a member that lost its leader goes on at another, and misses nothing", async () => {
  await using one = await ScriptedEtcd.start();
  await using other = await ScriptedEtcd.start();
  const members = [one, other];
  const write = (id: string): void => {
    for (const member of members) {
      member.write({ [`/services/api/${id}`]: hostValue("api", id) });
    }
  };
  write("a");
  await using discovery = new Discovery({ endpoints: members.map(({ endpoint }) => endpoint) });
  await using seen = witness(discovery, "api");
  await eventually(() => members.some(({ streams }) => streams[0]?.wanted.size === 2));
  await eventually(() => seen.views.at(-1)?.freshness.source === "live");
  const [cutOff, rest] = one.streams.length > 0 ? [one, other] : [other, one];
  // Without it etcd does not say that it has no leader, and a watch hangs for ever.
  expect(cutOff.streams[0]?.headers["hasleader"]).toBe("true");

  // The member hears no more of what happens; it says so when its election timeout has passed.
  rest.write({ "/services/api/b": hostValue("api", "b") });
  cutOff.refuse = () => noLeader;
  const since = performance.now();
  cutOff.streams[0]?.end(noLeader);
  await eventually(() => expect(seen.told).toEqual(["up a", "up b"]));
  expect(performance.now() - since).toBeLessThan(2_500);
  rest.write({ "/services/api/c": hostValue("api", "c") });
  await eventually(() => expect(seen.told.at(-1)).toBe("up c"));
  seen.check();
});

test("while no member has a leader hosts are kept as stale, and followed again when one has", async () => {
  await using etcd = await ScriptedEtcd.start();
  etcd.write({ "/services/api/a": hostValue("api", "a") });
  await using discovery = new Discovery({ endpoints: [etcd.endpoint] });
  await using seen = witness(discovery, "api");
  await eventually(() => seen.views.at(-1)?.freshness.source === "live");
  etcd.refuse = () => noLeader;
  etcd.streams[0]?.end(noLeader);
  await eventually(() => seen.views.at(-1)?.freshness.source === "stale");
  expect(seen.views.at(-1)?.hosts.map(({ uuid }) => uuid)).toEqual(["a"]);
  etcd.writeUntold({ "/services/api/b": hostValue("api", "b") });
  etcd.refuse = () => undefined;
  const since = performance.now();
  await eventually(() => expect(seen.told).toEqual(["up a", "up b"]));
  expect(performance.now() - since).toBeLessThan(2_500);
  seen.check();
});
