import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Discovery, type HostEvent } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { runChild } from "../support/child.ts";
import { collect } from "../support/collect.ts";
import { eventually } from "../support/eventually.ts";
import { GoHost, goLookup, GoSubscriber } from "../support/go-client.ts";
import { lostTime } from "../support/lost-time.ts";
import { measured } from "../support/measured.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { RubyHost } from "../support/ruby-client.ts";

const service = "mixed";
const face = { ports: { http: "80" }, public: true, user: "user", password: "secret" };
const ours = { hostname: "public-domain.dev", ...face };
const theirs = { name: "public-domain.dev", ...face };

const show = ({ type, host, reason }: HostEvent) => [type, host.uuid, reason].join(" ").trim();

test("a fleet of Go, Ruby and our hosts, each in its own time, is stable for 40 s and ends as it should", async () => {
  await using etcd = await startEtcd({ args: ["--enable-v2"] });
  const raw = new RawEtcdV2(etcd.endpoint);
  await using follower = new Discovery({ api: 2, endpoints: etcd.endpoints });
  await using owner = new Discovery({ api: 2, endpoints: etcd.endpoints });
  const subscription = follower.subscribe(service);
  await subscription.waitReady();
  const events = collect(subscription, show);
  await using subscriber = await new GoSubscriber(raw, service).start();

  const go = Array.from({ length: 5 }, () => new GoHost(raw, service, theirs));
  const ruby = Array.from({ length: 3 }, () => new RubyHost(raw, service, theirs));
  await Promise.all([...go, ...ruby].map((host) => host.start()));
  const own = [1, 2, 3, 4].map(() => owner.register(service, ours));
  await Promise.all(own.map((each) => each.waitRegistration()));
  await using child = await runChild(
    `
    const registration = new Discovery().register("${service}", ${JSON.stringify(ours)});
    await registration.waitRegistration();
    say(registration.uuid);
    `,
    { env: { ETCD_API: "2", ETCD_HOSTS: etcd.endpoint } },
  );
  const foreign = await child.heard<string>(() => true);
  const ourUuids = [...own.map(({ uuid }) => uuid), foreign];
  const uuids = [...go, ...ruby].map(({ uuid }) => uuid).concat(ourUuids);
  await eventually(() => events.items.length >= uuids.length);
  expect(events.take().sort()).toEqual(uuids.map((uuid) => `up ${uuid}`).sort());
  await eventually(() => subscriber.fresh.length >= uuids.length);
  const rewritten = subscriber.events.length;

  const lowest = { ours: Infinity, go: Infinity };
  const lost = lostTime();
  for (let second = 0; second < 40; second += 1) {
    const { nodes = [] } = (await raw.get(`/services/${service}`)) ?? {};
    expect(nodes).toHaveLength(uuids.length);
    for (const { key, ttl = 0 } of nodes) {
      const whose = ourUuids.some((uuid) => key.endsWith(uuid)) ? "ours" : "go";
      lowest[whose] = Math.min(lowest[whose], ttl);
    }
    await sleep(1_000);
  }
  measured("the machine lost while a mixed fleet was looked at", lost());
  measured("the shortest time to live of ours, of 5 s", lowest.ours * 1_000);
  measured("the shortest time to live of Go's and Ruby's, of 5 and 10 s", lowest.go * 1_000);
  expect(lowest.ours).toBeGreaterThanOrEqual(2);
  expect(events.items).toEqual([]);
  expect(subscriber.fresh.toSorted()).toEqual(uuids.toSorted());
  // Go's and Ruby's rewrites wake every subscriber; ours do not.
  const woken = subscriber.events.slice(rewritten).map(({ node }) => node.key);
  expect(woken.length).toBeGreaterThan(50);
  expect(woken.filter((key) => ourUuids.some((uuid) => key.endsWith(uuid)))).toEqual([]);

  child.kill("SIGKILL");
  await Promise.all([go[0]?.kill(), ruby[0]?.kill()]);
  const killedAt = performance.now();
  const killed = [foreign, go[0]?.uuid, ruby[0]?.uuid];
  await eventually(() => events.items.length >= 3, 15_000);
  measured("a killed process, a Go and a Ruby host expired", performance.now() - killedAt);
  expect(events.take().sort()).toEqual(killed.map((uuid) => `down ${uuid} expired`).sort());

  const leaving = uuids.filter((uuid) => !killed.includes(uuid));
  await Promise.all([...go.slice(1), ...ruby.slice(1)].map((host) => host.stop()));
  await owner.close();
  const downs = () => events.items.filter((each) => each.startsWith("down"));
  await eventually(() => downs().length >= leaving.length);
  expect(downs().sort()).toEqual(leaving.map((uuid) => `down ${uuid} unregistered`).sort());
  await eventually(() => subscriber.gone.length >= uuids.length);
  expect(subscriber.gone.toSorted()).toEqual(uuids.toSorted());
  expect(subscriber.failure).toBeUndefined();
  expect((await goLookup(raw, service)).hosts).toEqual([]);
});
