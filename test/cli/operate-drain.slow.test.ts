import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apis } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { type Operating, operating, publicHost, uuidOf } from "../support/operating.ts";

describe.each(apis)("etcd v$api", (etcdApi) => {
  let etcd: Operating;
  beforeAll(async () => {
    etcd = await operating(etcdApi);
  });
  afterAll(() => etcd?.[Symbol.asyncDispose]());

  describe("drain and undrain", () => {
    test("a host of another process, which obeys", async () => {
      const service = etcd.name();
      const child = await etcd.registerElsewhere(service);
      const uuid = await uuidOf(child);
      const before = await etcd.record(service, uuid);

      const drained = await etcd.run(["drain", service, uuid]).ended;
      expect(JSON.parse(drained.stdout)).toEqual({
        ...{ service, uuid, draining: true },
        ...{ changed: true, confirmed: true, gone: false },
      });
      expect(drained.stderr).toBe(`Undo: etcd-discovery undrain ${service} ${uuid}\n`);
      expect(drained.code).toBe(0);
      await child.heard(({ state }: { state?: string }) => state === "draining");
      const order = await etcd.record(service, uuid);
      expect(order?.value).toBe(before?.value.replace(/}$/, ',"draining":true}'));
      expect(order?.life).toBe(before?.life);

      const again = await etcd.run(["drain", service, uuid]).ended;
      expect(JSON.parse(again.stdout)).toMatchObject({ changed: false });
      expect([again.code, again.stderr]).toEqual([0, ""]);

      const undrained = await etcd.run(["undrain", service, uuid]).ended;
      expect(JSON.parse(undrained.stdout)).toMatchObject({ draining: false, confirmed: true });
      expect(undrained.stderr).toBe(`Undo: etcd-discovery drain ${service} ${uuid}\n`);
      expect(undrained.code).toBe(0);
      const states = () => (child.said as { state?: string }[]).flatMap(({ state }) => state ?? []);
      await eventually(() => states().at(-1) === "registered");
      expect(states()).toEqual(["registered", "draining", "registered"]);
      expect((await etcd.record(service, uuid))?.value).toBe(before?.value);
    });

    test("tell people on a terminal what was changed, and how to undo it", async () => {
      const service = etcd.name();
      const { uuid } = await etcd.register(service);
      await using drain = etcd.run(["drain", service, uuid], { terminal: 200 });
      const drained = await drain.ended;
      expect(drained.stdout).toContain(`${service} ${uuid}: draining; gets no new work`);
      expect(drained.stdout).toContain(`Undo: etcd-discovery undrain ${service} ${uuid}`);
      expect(drained.code).toBe(0);
      const undrained = await etcd.run(["undrain", service, uuid, "--no-json"]).ended;
      expect(undrained.stdout).toBe(`${service} ${uuid}: not draining any longer\n`);
      expect(undrained.code).toBe(0);
      const again = await etcd.run(["undrain", service, uuid, "--no-json"]).ended;
      expect([again.stdout, again.code]).toEqual([`${service} ${uuid}: is not draining\n`, 0]);
    });

    test("take the beginning of a uuid, or a hostname, and ask back where it is not clear", async () => {
      const service = etcd.name();
      const hosts = ["one", "two"].map((privateHostname) => ({ ...publicHost, privateHostname }));
      const [one, two] = await Promise.all(hosts.map((host) => etcd.register(service, host)));
      const { uuid = "" } = one ?? {};
      const short = await etcd.run(["drain", service, uuid.slice(0, 20)]).ended;
      expect(JSON.parse(short.stdout)).toMatchObject({ uuid });
      const named = await etcd.run(["drain", service, "two"]).ended;
      expect(JSON.parse(named.stdout)).toMatchObject({ uuid: two?.uuid });

      const shared = await etcd.run(["undrain", service, "public-domain.dev"]).ended;
      expect([shared.code, shared.stdout]).toEqual([2, ""]);
      expect(shared.stderr).toContain('"public-domain.dev" may be any of 2 hosts');
      expect(shared.stderr).toContain(`    ${uuid}  public-domain.dev  one\n`);
      expect(shared.stderr).toContain(`    ${two?.uuid}  public-domain.dev  two\n`);
      expect(two?.state).toBe("draining");
    });

    test("say what there is where there is no such host, or no such service", async () => {
      const service = etcd.name();
      for (let i = 10; i < 22; i += 1) await etcd.putByHand(service, `host-${i}`, "{}");
      const none = await etcd.run(["drain", service, "nobody"]).ended;
      expect([none.code, none.stdout]).toEqual([3, ""]);
      expect(none.stderr).toContain(`service "${service}" has no host "nobody"`);
      expect(none.stderr.match(/host-\d\d/g)).toHaveLength(10);
      expect(none.stderr).toContain(`and 2 more: etcd-discovery get ${service}`);
      const empty = await etcd.run(["drain", service, ""]).ended;
      expect(empty.code).toBe(3);

      const unknown = await etcd.run(["drain", etcd.name(), "nobody"]).ended;
      expect([unknown.code, unknown.stdout]).toEqual([3, ""]);
      expect(unknown.stderr).toContain("etcd-discovery services lists those there are");
      const wrong = await etcd.run(["drain", "a/b", "nobody"]).ended;
      expect(wrong.code).toBe(2);
      const missing = await etcd.run(["drain", service]).ended;
      expect(missing.code).toBe(2);
      expect(missing.stderr).toContain("missing required argument 'host'");
    });

    test("wait until the host has left, but not for ever", async () => {
      const service = etcd.name();
      const leaver = await etcd.register(service, { ...publicHost, privateHostname: "leaver" });
      leaver.on("state", (state) => {
        if (state === "draining") void leaver.drain({ delayMs: 200 });
      });
      const left = await etcd.run(["drain", service, "leaver", "--wait", "30s"]).ended;
      const lines = left.stdout.trim().split("\n");
      expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ service, uuid: leaver.uuid, gone: true });
      expect(left.code).toBe(0);

      const stays = await etcd.register(service, { ...publicHost, privateHostname: "stays" });
      const late = await etcd.run(["drain", service, "stays", "--wait", "500ms"]).ended;
      expect(late.code).toBe(1);
      expect(late.stderr).toContain(`${stays.uuid} has not left within 0.5 s`);
      expect(stays.state).toBe("draining");
      const wrong = await etcd.run(["drain", service, "stays", "--wait", "soon"]).ended;
      expect(wrong.code).toBe(2);
      await using waiting = etcd.run(["drain", service, "stays", "--wait"]);
      await waiting.says(/Waiting for/, "stderr");
      waiting.kill("SIGINT");
      expect((await waiting.ended).signal).toBe("SIGINT");
    });

    test("do not call back a host that leaves by itself", async () => {
      const service = etcd.name();
      const registration = await etcd.register(service);
      await registration.update({ draining: true });
      const refused = await etcd.run(["undrain", service, registration.uuid]).ended;
      expect([refused.code, refused.stdout]).toEqual([1, ""]);
      expect(refused.stderr).toContain("drains because its owner wants it to");
      await eventually(() => registration.state === "draining");
    });

    test("warn where nobody answers for a record, and refuse one that cannot be read", async () => {
      const service = etcd.name();
      await etcd.putByHand(service, "left-behind", '{"name":"a.dev","ports":{"http":"80"}}');
      await etcd.putByHand(service, "garbage", "{");
      const unkept = await etcd.run(["drain", service, "left-behind"]).ended;
      expect(JSON.parse(unkept.stdout)).toMatchObject({ changed: true, confirmed: false });
      expect(unkept.stderr).toContain("nothing was heard of its owner");
      expect(unkept.code).toBe(0);
      const unreadable = await etcd.run(["drain", service, "garbage"]).ended;
      expect([unreadable.code, unreadable.stdout]).toEqual([1, ""]);
      expect(unreadable.stderr).toContain(`etcd-discovery deregister ${service} garbage`);
      expect((await etcd.record(service, "garbage"))?.value).toBe("{");
    });
  });
});
