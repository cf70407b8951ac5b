import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apis } from "../support/apis.ts";
import { type Operating, operating, uuidOf } from "../support/operating.ts";
import type { CommandRun } from "../support/run-command.ts";

describe.each(apis)("etcd v$api", (etcdApi) => {
  let etcd: Operating;
  beforeAll(async () => {
    etcd = await operating(etcdApi);
  });
  afterAll(() => etcd?.[Symbol.asyncDispose]());

  const left = '{"name":"a.dev","ports":{"http":"80"},"private_hostname":"node-7"}';

  describe("deregister", () => {
    test.each([
      ["that nobody keeps", left],
      ["that cannot be read", '{"password":"first-secret'],
      ["that is empty", ""],
    ])("deletes a record %s", async (_, text) => {
      const service = etcd.name();
      await etcd.putByHand(service, "left-behind", text);
      await etcd.putByHand(service, "other", left);
      const deleted = await etcd.run(["deregister", service, "left", "--yes"]).ended;
      expect(JSON.parse(deleted.stdout)).toEqual({
        ...{ service, uuid: "left-behind", deleted: true, back: false },
      });
      expect([deleted.code, deleted.stderr]).toEqual([0, ""]);
      expect(await etcd.record(service, "left-behind")).toBeUndefined();
      expect(await etcd.record(service, "other")).toBeDefined();
    });

    test("says that a live host came back, and names drain", async () => {
      const service = etcd.name();
      const child = await etcd.registerElsewhere(service);
      const uuid = await uuidOf(child);
      const before = await etcd.record(service, uuid);
      const back = await etcd.run(["deregister", service, uuid, "--yes", "--no-json"]).ended;
      expect(back.code).toBe(1);
      expect(back.stdout).toBe(`${service} ${uuid}: deleted, and put back by its owner\n`);
      expect(back.stderr).toContain("it came back: its owner lives and keeps it registered");
      expect(back.stderr).toContain(`etcd-discovery drain ${service} ${uuid}`);
      expect((await etcd.record(service, uuid))?.value).toBe(before?.value);
    });

    const ask = async (): Promise<{ readonly service: string; readonly run: CommandRun }> => {
      const service = etcd.name();
      await etcd.putByHand(service, "left-behind", left);
      const run = etcd.run(["deregister", service, "node-7"], { terminal: 200 });
      await run.says(/Delete the record of this host of .*left-behind {2}node-7.*\[y\/N\] /);
      return { service, run };
    };

    test.each([
      ["no", "n\n"],
      ["nothing", "\n"],
      ["something else", "yesterday\n"],
      ["that there is no answer", "\x04"],
    ])("asks on a terminal, and changes nothing when told %s", async (_, answer) => {
      const { run, service } = await ask();
      await using asked = run;
      asked.write(answer);
      const { code, stdout } = await asked.ended;
      expect(stdout).toContain("not confirmed, so nothing was changed");
      expect(code).toBe(1);
      expect(await etcd.record(service, "left-behind")).toBeDefined();
    });

    test("changes nothing when it is interrupted while it asks", async () => {
      const { run, service } = await ask();
      await using asked = run;
      asked.write("\x03");
      expect((await asked.ended).signal).toBe("SIGINT");
      expect(await etcd.record(service, "left-behind")).toBeDefined();
    });

    test("deletes the record when told yes", async () => {
      const { run, service } = await ask();
      await using asked = run;
      asked.write("Yes\n");
      const { code, stdout } = await asked.ended;
      expect(stdout).toContain(`${service} left-behind: deleted`);
      expect(code).toBe(0);
      expect(await etcd.record(service, "left-behind")).toBeUndefined();
    });

    test("is a mistake without a terminal and --yes", async () => {
      const service = etcd.name();
      await etcd.putByHand(service, "left-behind", left);
      const refused = await etcd.run(["deregister", service, "left-behind"], { input: "y\n" })
        .ended;
      expect([refused.code, refused.stdout]).toEqual([2, ""]);
      expect(refused.stderr).toContain("no terminal to ask on; --yes");
      expect(await etcd.record(service, "left-behind")).toBeDefined();
    });

    test("shows nothing that could act on a terminal", async () => {
      const service = etcd.name();
      const hostname = "\u001b[2J\u202eevil";
      const record = JSON.stringify({ name: hostname, private_hostname: hostname, ports: {} });
      await etcd.putByHand(service, "left-behind", record);
      await using run = etcd.run(["deregister", service, "left-behind"], { terminal: 200 });
      const [question] = await run.says(/Delete .*\[y\/N\] /);
      expect(question).toContain("\\x1b[2J\\u202eevil");
      run.write("n\n");
      expect((await run.ended).stdout).not.toContain("\u001b[2J");
    });
  });
});
