import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apis } from "../support/apis.ts";
import { type Operating, operating, publicHost, uuidOf } from "../support/operating.ts";
import { temporaryFolder, type TemporaryFolder } from "../support/temporary-folder.ts";

interface Written {
  readonly service: string;
  readonly user: string;
  readonly password: string;
}

const read = async (path: string): Promise<Written> =>
  JSON.parse(await readFile(path, "utf8")) as Written;

describe.each(apis)("etcd v$api", (etcdApi) => {
  let etcd: Operating;
  let folder: TemporaryFolder;
  beforeAll(async () => {
    folder = await temporaryFolder();
    etcd = await operating(etcdApi);
  });
  afterAll(async () => {
    await etcd?.[Symbol.asyncDispose]();
    await folder?.[Symbol.asyncDispose]();
  });

  const fileFor = (service: string): string => join(folder.path, service);

  describe("rotate", () => {
    test("writes new credentials to a file and gives them to all public hosts", async () => {
      const service = etcd.name();
      const [child, other] = await Promise.all([
        etcd.registerElsewhere(service),
        etcd.register(service, { ...publicHost, privateHostname: "node-2" }),
      ]);
      const uuid = await uuidOf(child);
      await etcd.register(service, { privateHostname: "private", ports: { http: 80 } });
      const path = fileFor(service);
      const rotated = await etcd.run(["rotate", service, "--output", path, "--debug"]).ended;
      const written = await read(path);
      expect(written).toEqual({ service, user: "user", password: written.password });
      expect(written.password).toMatch(/^[\w-]{43}$/);
      expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");
      const { adopted, ...value } = JSON.parse(rotated.stdout) as { adopted: string[] };
      expect(value).toEqual({ service, user: "user", file: path, pending: [] });
      expect(adopted.sort()).toEqual([uuid, other.uuid].sort());
      expect(rotated.code).toBe(0);
      expect(rotated.stdout + rotated.stderr).not.toContain(written.password);
      expect(rotated.stdout + rotated.stderr).not.toContain("first-secret");

      const { password } = written;
      expect(await etcd.info(service)).toMatchObject({ password, hostname: "public-domain.dev" });
      await child.heard((said: { password?: string }) => said.password === password);
      expect(other.credentials()).toEqual({ user: "user", password });
    });

    test("prints them only where that was asked for", async () => {
      const service = etcd.name();
      await etcd.register(service);
      await using run = etcd.run(["rotate", service, "--show-credentials"], { terminal: 120 });
      const { code, stdout } = await run.ended;
      const { password } = await etcd.info(service);
      expect(stdout).toContain("new credentials, taken over by 1 of 1 public hosts");
      expect(stdout).toContain(`password  ${password}`);
      expect(password).not.toBe("first-secret");
      expect(code).toBe(0);

      const json = await etcd.run(["rotate", service, "--show-credentials", "--user", "new-user"])
        .ended;
      const { password: second, user } = JSON.parse(json.stdout) as Written;
      expect(await etcd.info(service)).toMatchObject({ user: "new-user", password: second });
      expect(user).toBe("new-user");
      expect(second).not.toBe(password);
    });

    test("takes the password from a file or from standard input", async () => {
      const service = etcd.name();
      const registration = await etcd.register(service);
      const source = join(folder.path, `${service}-source`);
      await writeFile(source, "from a file\nand more\n");
      const path = fileFor(service);
      const file = await etcd.run([
        ...["rotate", service, "--output", path],
        ...["--new-password-file", source],
      ]).ended;
      expect(file.code).toBe(0);
      expect((await read(path)).password).toBe("from a file");
      expect(registration.credentials().password).toBe("from a file");

      const forced = ["rotate", service, "--output", path, "--new-password-file", "-"];
      const there = await etcd.run(forced, { input: "from a pipe\n" }).ended;
      expect(there.code).toBe(2);
      expect(there.stderr).toContain("--force");
      const piped = await etcd.run([...forced, "--force"], { input: "from a pipe\n" }).ended;
      expect(piped.code).toBe(0);
      expect(piped.stderr).not.toContain("from a pipe");
      expect(JSON.parse(piped.stdout)).toMatchObject({ file: path });
      expect((await read(path)).password).toBe("from a pipe");
      expect(registration.credentials().password).toBe("from a pipe");
    });

    test("refuses what would lose the password, before anything is changed", async () => {
      const service = etcd.name();
      await etcd.register(service);
      const path = fileFor(service);
      await writeFile(path, "precious");
      const calls: [readonly string[], number, RegExp][] = [
        [[service], 2, /--output <file>.*--show-credentials/],
        [[service, "--output", path], 2, /--force replaces it/],
        [[service, "--output", "-"], 2, /--show-credentials prints/],
        [[service, "--output", join(path, "below")], 2, /cannot be written/],
        [[service, "--output", folder.path, "--force"], 2, /is no file/],
        [[service, "--show-credentials", "--user", ""], 2, /--user/],
        [[service, "--show-credentials", "--wait", "long"], 2, /--wait/],
        [[service, "--show-credentials", "--new-password-file", "/nowhere"], 2, /ENOENT/],
        [["a/b", "--show-credentials"], 2, /service name/],
        [[service, "--password", "x"], 2, /unknown option/],
      ];
      for (const [args, code, message] of calls) {
        const { stderr, stdout, ...ended } = await etcd.run(["rotate", ...args]).ended;
        expect(stderr).toMatch(message);
        expect([ended.code, stdout]).toEqual([code, ""]);
      }
      expect(await readFile(path, "utf8")).toBe("precious");
      expect((await etcd.info(service)).password).toBe("first-secret");
    });

    test("leaves no file where it cannot be done", async () => {
      const [service, other] = [etcd.name(), etcd.name()];
      await etcd.register(service, { privateHostname: "private", ports: { http: 80 } });
      const path = fileFor(service);
      const inPrivate = await etcd.run(["rotate", service, "--output", path]).ended;
      expect([inPrivate.code, inPrivate.stdout]).toEqual([2, ""]);
      expect(inPrivate.stderr).toContain("only public hosts share credentials");
      const unknown = await etcd.run(["rotate", other, "--output", path]).ended;
      expect([unknown.code, unknown.stdout]).toEqual([3, ""]);
      expect((await readdir(folder.path)).filter((name) => name.includes(service))).toEqual([]);
    });

    test("names the hosts that have not taken them over", async () => {
      const service = etcd.name();
      const { uuid } = await etcd.register(service);
      const stale = JSON.stringify({ name: "b.dev", public: true, password: "first-secret" });
      await etcd.putByHand(service, "left-behind", stale);
      const path = fileFor(service);
      const late = await etcd.run(["rotate", service, "--output", path, "--wait", "3s"]).ended;
      expect(late.code).toBe(1);
      expect(JSON.parse(late.stdout)).toMatchObject({ adopted: [uuid], pending: ["left-behind"] });
      expect(late.stderr).toContain("1 of 2 public hosts have not taken the new credentials");
      expect(late.stderr).toContain("    left-behind  b.dev\n");
      expect((await etcd.info(service)).password).toBe((await read(path)).password);
    });

    test("can be interrupted while it waits for them, and says that they are in force", async () => {
      const service = etcd.name();
      const registration = await etcd.register(service);
      const stale = JSON.stringify({ name: "b.dev", public: true, password: "first-secret" });
      await etcd.putByHand(service, "left-behind", stale);
      const path = fileFor(service);
      await using run = etcd.run(["rotate", service, "--output", path, "--wait", "10m"]);
      await run.says(/waiting for the public hosts/, "stderr");
      run.kill("SIGINT");
      const { signal, stderr, stdout } = await run.ended;
      expect(signal).toBe("SIGINT");
      expect(JSON.parse(stdout)).toEqual({ service, user: "user", file: path });
      expect(stderr).toContain("which hosts took them over is not known");
      const { password } = await read(path);
      expect(registration.credentials().password).toBe(password);
      expect(stdout + stderr).not.toContain(password);
    });

    test("at the same time ends with one password, and whoever lost it says so", async () => {
      const service = etcd.name();
      const registration = await etcd.register(service);
      await using own = await temporaryFolder();
      const paths = ["a", "b", "c", "d"].map((name) => join(own.path, name));
      const ends = await Promise.all(
        paths.map((path) => etcd.run(["rotate", service, "--output", path]).ended),
      );
      const winner = await etcd.info(service);
      let found = 0;
      for (const [index, { code, stderr }] of ends.entries()) {
        const written = await read(paths[index] ?? "").catch(() => undefined);
        if (written?.password === winner.password) found += 1;
        expect([0, 1]).toContain(code);
        // One that was through before the next began has done its part.
        expect(written !== undefined).toBe(code === 0);
        if (code === 1) expect(stderr).toContain("somebody else has changed the credentials");
      }
      expect(found).toBe(1);
      expect(registration.credentials().password).toBe(winner.password);
      expect((await readdir(own.path)).filter((name) => name.startsWith("."))).toEqual([]);
    });
  });
});
