import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { GoHost, type GoHostInput, goLookup, GoSubscriber } from "../support/go-client.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { RubyHost, type RubyHostInput } from "../support/ruby-client.ts";
import { fixtures, idOf } from "../unit/model/records.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(() => etcd.stop());

const go = fixtures.records.filter(({ writer }) => writer === "go");
const ruby = fixtures.records.filter(({ writer }) => writer === "ruby");

const publicHost = { name: "public-domain.dev", ports: { http: "80" }, public: true };

// What the other tests of interop compare with is only worth something if it is what those clients do.
describe.concurrent("the scripted clients", () => {
  test.each(go.map((fixture) => [fixture.service, fixture] as const))(
    "write what the Go client wrote for %s",
    async (service, fixture) => {
      await using host = new GoHost(raw, service, fixture.input as GoHostInput);
      await host.start();
      const stored = await raw.get(host.key);
      expect(stored?.value).toBe(fixture.host.replaceAll(idOf(fixture), host.uuid));
      expect(stored?.ttl).toBe(5);
      const info = await raw.get(host.infoKey);
      expect(info?.value).toBe(fixture.info);
      expect(info?.ttl).toBeUndefined();
    },
  );

  test.each(ruby.map((fixture) => [fixture.service, fixture] as const))(
    "write what the Ruby client wrote for %s",
    async (service, fixture) => {
      const { uuid, service_name, ...input } = JSON.parse(fixture.host) as RubyHostInput;
      await using host = new RubyHost(raw, String(service_name), input);
      await host.start();
      const stored = await raw.get(host.key);
      expect(stored?.value).toBe(fixture.host.replaceAll(String(uuid), host.uuid));
      expect(stored?.ttl).toBe(10);
      expect((await raw.get(host.infoKey))?.value).toBe(fixture.info);
      expect((await goLookup(raw, service)).hosts.map((each) => each.uuid)).toEqual([host.uuid]);
    },
  );

  test("a Go subscriber sees a Go host once, however often it is rewritten, and that it left", async () => {
    await using subscriber = await new GoSubscriber(raw, "seen").start();
    await using host = new GoHost(raw, "seen", publicHost, { everyMs: 20 });
    await host.start();
    await eventually(() => host.writes > 5 && subscriber.events.length > 5);
    expect(subscriber.fresh).toEqual([host.uuid]);
    await host.stop();
    await eventually(() => subscriber.gone.length > 0);
    expect(subscriber.gone).toEqual([host.uuid]);
    expect(subscriber.events.at(-1)?.action).toBe("delete");
    expect((await goLookup(raw, "seen")).hosts).toEqual([]);
    expect(subscriber.failure).toBeUndefined();
  });

  test("a Go subscriber sees a killed Go host expire, once its time to live is over", async () => {
    await using subscriber = await new GoSubscriber(raw, "killed").start();
    await using host = new GoHost(raw, "killed", publicHost, { ttlSeconds: 1 });
    await host.start();
    await host.kill();
    await eventually(() => subscriber.gone.length > 0);
    expect(subscriber.actions(host.key)).toEqual(["set", "expire"]);
  });

  test("public Go and Ruby hosts adopt the credentials of the newest", async () => {
    const host = (password: string) => ({ ...publicHost, user: "u", password });
    await using first = new GoHost(raw, "adopting", host("1"));
    await using second = new RubyHost(raw, "adopting", host("2"), { everyMs: 20 });
    await using third = new GoHost(raw, "adopting", host("3"));
    await first.start();
    await second.start();
    await eventually(() => first.adopted.length === 1);
    await third.start();
    await eventually(async () => {
      const { hosts } = await goLookup(raw, "adopting");
      expect(hosts.map(({ password }) => password)).toEqual(["3", "3", "3"]);
    });
    expect(first.adopted.map(({ password }) => password)).toEqual(["2", "3"]);
    expect(third.adopted).toEqual([]);
  });
});
