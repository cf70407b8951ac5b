import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery, type Registration } from "../../src/index.ts";
import { type EtcdCluster, startProxy } from "../../src/testing/index.ts";
import { apis } from "../support/apis.ts";
import { operating, publicHost } from "../support/operating.ts";
import { runCommand, type RunOptions } from "../support/run-command.ts";
import { temporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";

const all = { access: "readwrite", prefix: "/services" } as const;

const users = {
  ann: { name: "ann", password: "ann-secret", roles: ["all"] },
  bob: { name: "bob", password: "bob-secret", roles: ["reader"] },
} as const;

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;

  describe("where etcd asks for a password", () => {
    let etcd: EtcdCluster;
    let discovery: Discovery;
    let registration: Registration;
    let folder: TemporaryFolder;
    beforeAll(async () => {
      folder = await temporaryFolder();
      etcd = await start();
      await etcdApi.askForPasswords(etcd, {
        rootPassword: "root-secret",
        roles: [
          { name: "all", permissions: [all] },
          { name: "reader", permissions: [{ access: "read", prefix: "/services" }] },
        ],
        users: Object.values(users),
      });
      const auth = { username: users.ann.name, password: users.ann.password };
      discovery = new Discovery({ api, endpoints: etcd.endpoints, auth });
      registration = discovery.register("api", publicHost);
      await registration.waitRegistration();
    });
    afterAll(async () => {
      await discovery?.close();
      await etcd?.stop();
      await folder?.[Symbol.asyncDispose]();
    });

    const run = (
      args: readonly string[],
      username: string,
      { password, ...more }: RunOptions & { readonly password?: string },
    ) =>
      runCommand(
        args.map((arg) => arg.replace("HOST", registration.uuid).replace("FOLDER", folder.path)),
        {
          env: {
            ETCD_HOSTS: etcd.endpoint,
            ETCD_API: String(api),
            ETCD_USERNAME: username,
            ETCD_PASSWORD: password,
          },
          ...more,
        },
      ).ended;

    const commands = [
      ["drain", "api", "HOST"],
      ["deregister", "api", "HOST", "--yes"],
      ["rotate", "api", "--output", "FOLDER/new.json"],
      ["rotate", "api", "--show-credentials"],
    ];

    test.each(commands)("nothing is changed by who may only read: %s", async (...command) => {
      const { code, stderr, stdout } = await run(command, "bob", { password: "bob-secret" });
      expect([code, stdout]).toEqual([4, ""]);
      expect(stderr).not.toContain("secret");
      expect(await readdir(folder.path)).toEqual([]);
      expect(registration.state).toBe("registered");
      expect(registration.credentials().password).toBe("first-secret");
    });

    test.each(commands)("nor by who gives a wrong password: %s", async (...command) => {
      const { code, stderr, stdout } = await run(command, "ann", { password: "wrong-secret" });
      expect([code, stdout]).toEqual([4, ""]);
      expect(stderr).not.toContain("secret");
      expect(await readdir(folder.path)).toEqual([]);
      expect(registration.state).toBe("registered");
    });

    test("but by who may", async () => {
      const drained = await run(["drain", "api", "HOST"], "ann", { password: "ann-secret" });
      expect(drained.code).toBe(0);
      const command = ["rotate", "api", "--output", "FOLDER/new.json", "--password-file", "-"];
      const rotated = await run(command, "ann", { input: "ann-secret\n" });
      expect(rotated.code).toBe(0);
      expect(rotated.stderr).not.toContain("secret");
      const written: unknown = JSON.parse(await readFile(join(folder.path, "new.json"), "utf8"));
      expect(written).toMatchObject(registration.credentials());
    });
  });

  test.each([
    ["drain", "api", "host"],
    ["undrain", "api", "host"],
    ["deregister", "api", "host", "--yes"],
    ["rotate", "api", "--output", "FOLDER/new.json"],
  ])("where etcd is away nothing hangs, and no file is left: %s", async (...command) => {
    await using folder = await temporaryFolder();
    await using proxy = await startProxy("http://127.0.0.1:1");
    proxy.refuse();
    const env = { ETCD_HOSTS: proxy.endpoint, ETCD_API: String(api) };
    const args = command.map((arg) => arg.replace("FOLDER", folder.path));
    const { code, stderr, stdout } = await runCommand([...args, "--timeout", "1s"], { env }).ended;
    expect([code, stdout]).toEqual([5, ""]);
    expect(stderr).toContain(proxy.endpoint);
    expect(await readdir(folder.path)).toEqual([]);
  });

  test("a rotation that loses etcd on its way keeps the file, and says so", async () => {
    await using etcd = await operating(etcdApi);
    await using folder = await temporaryFolder();
    await using proxy = await startProxy(etcd.etcd.endpoint);
    const service = etcd.name();
    await etcd.register(service);
    const stale = JSON.stringify({ name: "b.dev", public: true });
    await etcd.putByHand(service, "left-behind", stale);
    const output = join(folder.path, "new.json");
    const command = ["rotate", service, "--output", output, "--wait", "4s", "--timeout", "2s"];
    await using run = etcd.run(command, { env: { ETCD_HOSTS: proxy.endpoint } });
    await run.says(/waiting for the public hosts/, "stderr");
    proxy.refuse();
    proxy.cut();
    const { code, stderr } = await run.ended;
    expect(code).toBe(5);
    expect(stderr).toContain("the new credentials are in force");
    const { password } = JSON.parse(await readFile(output, "utf8")) as { password: string };
    expect((await etcd.info(service)).password).toBe(password);
  });
});
