import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startProxy } from "../../src/testing/index.ts";
import { apis } from "../support/apis.ts";
import { operating, publicHost } from "../support/operating.ts";
import { runCommand } from "../support/run-command.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const all = { access: "readwrite", prefix: "/services" } as const;

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;

  test("where etcd does not allow it nothing is changed, and no file is left", async () => {
    await using etcd = await start();
    await etcdApi.askForPasswords(etcd, {
      rootPassword: "root-secret",
      roles: [
        { name: "all", permissions: [all] },
        { name: "reader", permissions: [{ access: "read", prefix: "/services" }] },
      ],
      users: [
        { name: "ann", password: "ann-secret", roles: ["all"] },
        { name: "bob", password: "bob-secret", roles: ["reader"] },
      ],
    });
    const auth = { username: "ann", password: "ann-secret" };
    await using discovery = new Discovery({ api, endpoints: etcd.endpoints, auth });
    const registration = discovery.register("api", publicHost);
    await registration.waitRegistration();
    await using folder = await temporaryFolder();
    const env = { ETCD_HOSTS: etcd.endpoint, ETCD_API: String(api) };
    const output = join(folder.path, "new.json");
    const commands = [
      ["drain", "api", registration.uuid],
      ["deregister", "api", registration.uuid, "--yes"],
      ["rotate", "api", "--output", output],
      ["rotate", "api", "--show-credentials"],
    ];
    const as = (username: string, password: string) => ({
      ...env,
      ETCD_USERNAME: username,
      ETCD_PASSWORD: password,
    });
    for (const command of commands) {
      for (const who of [as("bob", "bob-secret"), as("ann", "wrong-secret")]) {
        const { code, stderr, stdout } = await runCommand(command, { env: who }).ended;
        expect([command[0], code, stdout]).toEqual([command[0], 4, ""]);
        expect(stderr).not.toContain("secret");
      }
    }
    expect(await readdir(folder.path)).toEqual([]);
    expect(registration.state).toBe("registered");
    expect(registration.credentials().password).toBe("first-secret");

    const drained = await runCommand(["drain", "api", registration.uuid], {
      env: as("ann", "ann-secret"),
    }).ended;
    expect(drained.code).toBe(0);
    const rotated = await runCommand(
      ["rotate", "api", "--output", output, "--username", "ann", "--password-file", "-"],
      { env, input: "ann-secret\n" },
    ).ended;
    expect(rotated.code).toBe(0);
    expect(rotated.stderr).not.toContain("secret");
    expect(JSON.parse(await readFile(output, "utf8"))).toMatchObject(registration.credentials());
  });

  test("where etcd is away nothing hangs, and no file is left", async () => {
    await using folder = await temporaryFolder();
    await using proxy = await startProxy("http://127.0.0.1:1");
    proxy.refuse();
    const output = join(folder.path, "new.json");
    const env = { ETCD_HOSTS: proxy.endpoint, ETCD_API: String(api) };
    for (const command of [
      ["drain", "api", "host"],
      ["undrain", "api", "host"],
      ["deregister", "api", "host", "--yes"],
      ["rotate", "api", "--output", output],
    ]) {
      const { code, stderr, stdout } = await runCommand([...command, "--timeout", "1s"], { env })
        .ended;
      expect([command[0], code, stdout]).toEqual([command[0], 5, ""]);
      expect(stderr).toContain(proxy.endpoint);
    }
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
