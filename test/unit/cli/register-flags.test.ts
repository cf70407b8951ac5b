import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkFromFlags } from "../../../src/cli/commands/register/check-from-flags.ts";
import { commandEnvironment } from "../../../src/cli/commands/register/command-environment.ts";
import { spawnFailureCode, statusOf } from "../../../src/cli/commands/register/exit-status.ts";
import { hostFromFlags } from "../../../src/cli/commands/register/host-from-flags.ts";
import type { RegisterFlags } from "../../../src/cli/commands/register/register-flags.ts";
import { runOptions } from "../../../src/cli/commands/register/run-options.ts";
import { signalPlan } from "../../../src/cli/commands/register/signal-plan.ts";
import { UsageError } from "../../../src/cli/usage-error.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

describe("the host that flags stand for", () => {
  test("has all that is given", () => {
    const host = hostFromFlags(
      {
        hostname: "public-domain.dev",
        port: ["http=80", "https=443"],
        privateHostname: "node-1.internal.dev",
        privatePort: ["http=8080"],
        public: true,
        critical: true,
        shard: "shard-0",
        weight: "2.5",
        metadata: ["version=1.4.2", "note=a=b", "__proto__=x"],
        user: "user",
      },
      { SERVICE_PASSWORD: "secret" },
    );
    expect(host).toStrictEqual({
      hostname: "public-domain.dev",
      ports: { http: "80", https: "443" },
      privateHostname: "node-1.internal.dev",
      privatePorts: { http: "8080" },
      public: true,
      critical: true,
      shard: "shard-0",
      weight: 2.5,
      metadata: Object.fromEntries([
        ["version", "1.4.2"],
        ["note", "a=b"],
        ["__proto__", "x"],
      ]),
      user: "user",
      password: "secret",
    });
  });

  test("takes the password from the first line of a file before that of the environment", async () => {
    await using folder = await temporaryFolder();
    const servicePasswordFile = join(folder.path, "password");
    await writeFile(servicePasswordFile, "from the file\nmore\n");
    const flags = { user: "user", servicePasswordFile };
    const { password } = hostFromFlags(flags, { SERVICE_PASSWORD: "from the environment" });
    expect(password).toBe("from the file");
  });

  test("takes no password from the environment without a user", () => {
    expect(hostFromFlags({}, { SERVICE_PASSWORD: "secret" }).password).toBeUndefined();
  });

  test.each<[string, RegisterFlags]>([
    ["a port without a scheme", { port: ["8080"] }],
    ["a port with an empty scheme", { port: ["=8080"] }],
    ["a scheme given twice", { port: ["http=1", "http=2"] }],
    ["metadata without a value", { metadata: ["version"] }],
    ["a weight that is no number", { weight: "heavy" }],
    ["a weight below 0", { weight: "-1" }],
    ["a user whose password is not there", { user: "user" }],
  ])("refuses %s", (_, flags) => {
    expect(() => hostFromFlags(flags, { SERVICE_PASSWORD: "" })).toThrow(UsageError);
  });
});

describe("the check that flags stand for", () => {
  test.each([
    [
      "http://127.0.0.1:8080/health?deep=1#part",
      {
        type: "http",
        scheme: "http",
        hostname: "127.0.0.1",
        port: 8080,
        path: "/health?deep=1",
      },
    ],
    ["http://node-1/", { type: "http", scheme: "http", hostname: "node-1", port: 80, path: "/" }],
    ["https://[::1]", { type: "http", scheme: "https", hostname: "::1", port: 443, path: "/" }],
    ["/health", { type: "http", path: "/health" }],
    ["tcp://127.0.0.1:6379", { type: "tcp", hostname: "127.0.0.1", port: 6379 }],
    ["tcp", { type: "tcp" }],
    ["grpc", { type: "grpc" }],
    [
      "grpc://[::1]:50051/my.Service",
      { type: "grpc", scheme: "grpc", hostname: "::1", port: 50051, service: "my.Service" },
    ],
    [
      "grpcs://node-1:443",
      { type: "grpc", scheme: "grpcs", hostname: "node-1", port: 443, service: "" },
    ],
  ])("%s", (check, expected) => {
    expect(checkFromFlags({ check })).toEqual(expected);
  });

  test("has the timing that is given", () => {
    const check = checkFromFlags({
      check: "tcp",
      checkInterval: "500ms",
      checkTimeout: "2",
      checkFall: "1",
      checkRise: "4",
    });
    expect(check).toEqual({ type: "tcp", intervalMs: 500, timeoutMs: 2_000, fall: 1, rise: 4 });
  });

  test("is none by default", () => {
    expect(checkFromFlags({})).toBeUndefined();
  });

  test.each<[string, RegisterFlags]>([
    ["timing without a check", { checkInterval: "1s" }],
    ["a word", { check: "health" }],
    ["another scheme", { check: "ftp://127.0.0.1:21" }],
    ["tcp without a port", { check: "tcp://127.0.0.1" }],
    ["tcp with a path", { check: "tcp://127.0.0.1:1/x" }],
    ["grpc without a host", { check: "grpc:///my.Service" }],
  ])("refuses %s", (_, flags) => {
    expect(() => checkFromFlags(flags)).toThrow(UsageError);
  });

  test("refuses a password in it, and does not show it", () => {
    const checks = [
      "http://u:secret@127.0.0.1/",
      "ftp://u:secret@host/",
      "http://u:secret@:99999/",
    ];
    for (const check of checks) {
      expect(() => checkFromFlags({ check })).toThrow(UsageError);
      expect(() => checkFromFlags({ check })).not.toThrow(/secret/);
    }
  });
});

describe("how a command is run", () => {
  test("has defaults that fit into the 10 s that Docker gives", () => {
    expect(runOptions({}, ["server", "--port", "80"])).toEqual({
      command: ["server", "--port", "80"],
      foreground: false,
      passEtcdEnvironment: false,
      ttlSeconds: undefined,
      drainMs: 0,
      graceMs: 6_000,
    });
  });

  test("reads times", () => {
    const options = runOptions({ ttl: "10s", drain: "1500ms", grace: "1m" }, ["server"]);
    expect(options).toMatchObject({ ttlSeconds: 10, drainMs: 1_500, graceMs: 60_000 });
  });

  test.each<[string, RegisterFlags, readonly string[] | undefined]>([
    ["a -- with nothing after it", {}, []],
    ["--ttl of a broken second", { ttl: "2500ms" }, undefined],
    ["--ttl below etcd's floor", { ttl: "1s" }, undefined],
    ["--drain that is no time", { drain: "soon" }, undefined],
    ["--grace without a command", { grace: "1s" }, undefined],
    ["--foreground without a command", { foreground: true }, undefined],
    ["--pass-etcd-environment without a command", { passEtcdEnvironment: true }, undefined],
  ])("refuses %s", (_, flags, rest) => {
    expect(() => runOptions(flags, rest)).toThrow(UsageError);
  });

  test("refuses a command where there are no process groups", () => {
    expect(() => runOptions({}, ["server"], "win32")).toThrow(/POSIX/);
    expect(() => runOptions({}, undefined, "win32")).not.toThrow();
  });
});

test("the environment of a command has nothing that signs in to etcd, and all else", () => {
  const kept = {
    PATH: "/bin",
    ETCD_HOSTS: "http://10.0.0.1:2379",
    ETCD_CACERT: "ca.pem",
    ETCD_PREFIX: "/prod",
    SERVICE_PASSWORD: "its own",
  };
  const environment = commandEnvironment({
    ...kept,
    ETCD_USERNAME: "user",
    ETCD_PASSWORD: "secret",
    ETCD_TLS_CERT: "cert.pem",
    ETCD_TLS_KEY: "key.pem",
    ETCDCTL_USER: "user:secret",
    ETCDCTL_PASSWORD: "secret",
    ETCDCTL_CERT: "cert.pem",
    ETCDCTL_KEY: "key.pem",
  });
  expect(environment).toEqual(kept);
});

describe("how we end", () => {
  test.each([
    [{ code: 0, signal: null }, 0],
    [{ code: 3, signal: null }, 3],
    [{ code: 143, signal: null }, 143],
    [{ code: null, signal: "SIGTERM" }, "SIGTERM"],
    [{ code: null, signal: "SIGINT" }, "SIGINT"],
    [{ code: null, signal: "SIGHUP" }, "SIGHUP"],
    [{ code: null, signal: "SIGQUIT" }, 131],
    [{ code: null, signal: "SIGKILL" }, 137],
    [{ code: null, signal: "SIGSEGV" }, 139],
  ] as const)("after a program that ended with %o: %s", (end, status) => {
    expect(statusOf(end)).toBe(status);
  });

  test.each([
    ["ENOENT", 127],
    ["EACCES", 126],
    ["ENOTDIR", 126],
    ["ENOEXEC", 126],
    ["E2BIG", 126],
    ["EAGAIN", 125],
    ["ENOMEM", 125],
  ])("when a program cannot be started for %s: %i", (code, status) => {
    expect(spawnFailureCode(Object.assign(new Error(code), { code }))).toBe(status);
  });
});

describe("what signals are for", () => {
  const apart = { command: true, foreground: false };

  test("SIGHUP stops on a terminal, which is gone, and is passed on elsewhere, where it means to read settings again", () => {
    expect(signalPlan({ ...apart, terminal: true }).SIGHUP).toBe("stop");
    expect(signalPlan({ ...apart, terminal: false }).SIGHUP).toBe("forward");
    expect(signalPlan({ command: false, foreground: false, terminal: false }).SIGHUP).toBe("stop");
  });

  test("what is typed on a terminal is not sent on to a program that gets it from there", () => {
    const plan = signalPlan({ command: true, foreground: true, terminal: true });
    expect(plan).toMatchObject({ SIGINT: "ignore", SIGQUIT: "ignore", SIGTERM: "stop" });
    expect(plan).not.toHaveProperty("SIGTSTP");
    expect(signalPlan({ command: true, foreground: true, terminal: false }).SIGINT).toBe("stop");
  });
});
