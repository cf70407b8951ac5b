import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { connectionOptions, milliseconds } from "../../../src/cli/connection-flags.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const local = ["http://localhost:2379"];

describe("the options of a discovery", () => {
  test("come from the environment where no flag is given", () => {
    expect(connectionOptions({}, {})).toMatchObject({ endpoints: local, prefix: "", api: 3 });
    const env = { ETCD_HOSTS: "a:1,b:2", ETCD_PREFIX: "/x", ETCD_API: "2" };
    expect(connectionOptions({}, env)).toMatchObject({
      endpoints: ["a:1", "b:2"],
      prefix: "/x",
      api: 2,
    });
  });

  test("come from the flags before that", () => {
    const env = {
      ETCD_HOSTS: "a:1",
      ETCD_PREFIX: "/x",
      ETCD_API: "2",
      ETCD_USERNAME: "u",
      ETCD_PASSWORD: "p",
    };
    const flags = { endpoints: "c:3", prefix: "/y", api: "3", username: "v", timeout: "500ms" };
    expect(connectionOptions(flags, env)).toMatchObject({
      ...{ endpoints: ["c:3"], prefix: "/y", api: 3, timeoutMs: 500 },
      auth: { username: "v", password: "p" },
    });
    expect(connectionOptions({ prefix: "" }, env).prefix).toBe("");
  });

  test("take a password from the first line of a file", async () => {
    await using folder = await temporaryFolder();
    const file = join(folder.path, "password");
    await writeFile(file, "secret word\r\nnot this\n");
    const flags = { username: "u", passwordFile: file };
    expect(connectionOptions(flags, {}).auth).toEqual({ username: "u", password: "secret word" });
    await writeFile(file, "\n");
    expect(() => connectionOptions(flags, {})).toThrow(/--password-file: there is no password/);
  });

  test("with a certificate go over https, also beside variables that hold theirs", async () => {
    await using folder = await temporaryFolder();
    const cacert = join(folder.path, "ca.pem");
    await writeFile(cacert, "-----BEGIN CERTIFICATE-----\n");
    expect(connectionOptions({ cacert, servername: "etcd" }, {})).toMatchObject({
      endpoints: ["https://localhost:2379"],
      tls: { ca: { file: cacert }, servername: "etcd" },
    });
    const inMemory = connectionOptions({ cacert }, { ETCD_TLS_INMEMORY: "true" });
    expect(inMemory.tls?.ca).toEqual(Buffer.from("-----BEGIN CERTIFICATE-----\n"));
    expect(() => connectionOptions({ cacert: join(folder.path, "none") }, {})).toThrow(
      /--cacert: ".*none" cannot be read \(ENOENT\)/,
    );
  });
});

test.each([
  ["5", 5_000],
  ["5s", 5_000],
  ["1.5s", 1_500],
  ["250ms", 250],
  ["2m", 120_000],
  ["0", 0],
])("%s is a time", (text, ms) => {
  expect(milliseconds("--timeout", text)).toBe(ms);
});

test.each(["", "soon", "-1", "1h", "1e3", "999999m"])("%j is none", (text) => {
  expect(() => milliseconds("--timeout", text)).toThrow(/--timeout must be a time such as/);
});
