import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Discovery, type DiscoveryOptions, type TlsOptions } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { type TemporaryFolder, temporaryFolder } from "../support/temporary-folder.ts";

const host = { hostname: "node-1.internal.dev", ports: { http: 8080 } };

let certificates: Certificates;
let folder: TemporaryFolder;

/** Two etcds with the same certificate: one knows its clients by theirs, the other serves anybody. */
let open: EtcdCluster;
let strict: EtcdCluster;

const files = { ca: "", cert: "", key: "" };

beforeAll(async () => {
  certificates = await makeCertificates();
  folder = await temporaryFolder();
  const { ca, client, server } = certificates;
  for (const [name, pem] of Object.entries({ ca: ca.cert, cert: client.cert, key: client.key })) {
    const file = join(folder.path, `${name}.pem`);
    await writeFile(file, pem);
    files[name as keyof typeof files] = file;
  }
  [open, strict] = await Promise.all([
    startEtcd({ tls: server }),
    startEtcd({ tls: { ...server, ca: ca.cert, clientCertAuth: true } }),
  ]);
});
afterAll(() => Promise.all([open?.stop(), strict?.stop(), folder?.[Symbol.asyncDispose]()]));
afterEach(() => void vi.unstubAllEnvs());

/** Registers, follows and finds a host: on all kinds of calls and streams that there are. */
async function works(options?: DiscoveryOptions): Promise<void> {
  await using discovery = new Discovery(options);
  const ups = discovery.subscribeNew("my-service", { existing: true });
  const registration = discovery.register("my-service", host);
  await registration.waitRegistration();
  expect((await discovery.get("my-service").one()).uuid).toBe(registration.uuid);
  expect((await ups.next()).value?.uuid).toBe(registration.uuid);
}

/** Shows that nothing works, and returns why. */
async function failure(options: DiscoveryOptions): Promise<string> {
  const logger = recordingLogger();
  await using discovery = new Discovery({ ...options, logger, timeoutMs: 600 });
  const registration = discovery.register("my-service", host);
  const error: unknown = await discovery
    .get("my-service")
    .one()
    .catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "UNAVAILABLE", retryable: true });
  const signal = AbortSignal.timeout(100);
  await expect(registration.waitRegistration({ signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  await eventually(() => registration.lastError?.code === "UNAVAILABLE");
  expect(logger.text()).not.toContain("PRIVATE KEY");
  const causes: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    causes.push(`${(cause as { code?: string }).code} ${cause.message}`);
  }
  return causes.join("\n");
}

describe("an etcd that shows a certificate is trusted by its authority", () => {
  test.each<[string, () => TlsOptions]>([
    ["as text", () => ({ ca: certificates.ca.cert })],
    ["as bytes", () => ({ ca: Buffer.from(certificates.ca.cert) })],
    ["in a file", () => ({ ca: { file: files.ca } })],
  ])("%s", async (_, tls) => {
    await works({ endpoints: open.endpoints, tls: tls() });
  });

  test.each<[string, () => Record<string, string>]>([
    ["in a file that a variable names", () => ({ ETCD_CACERT: files.ca })],
    [
      "in a variable",
      () => ({
        ETCD_CACERT: Buffer.from(certificates.ca.cert).toString("base64"),
        ETCD_TLS_INMEMORY: "true",
      }),
    ],
  ])("%s, though the endpoint is http", async (_, variables) => {
    vi.stubEnv("ETCD_HOSTS", open.endpoint.replace("https:", "http:"));
    for (const [name, value] of Object.entries(variables())) vi.stubEnv(name, value);
    await works();
  });
});

describe("an etcd that asks for a client's certificate gets it", () => {
  test.each<[string, () => TlsOptions]>([
    ["from text", () => ({ ca: certificates.ca.cert, ...certificates.client })],
    [
      "from files",
      () => ({ ca: { file: files.ca }, cert: { file: files.cert }, key: { file: files.key } }),
    ],
  ])("%s", async (_, tls) => {
    await works({ endpoints: strict.endpoints, tls: tls() });
  });

  test.each<[string, () => Record<string, string>]>([
    [
      "from files that variables name",
      () => ({ ETCD_CACERT: files.ca, ETCD_TLS_CERT: files.cert, ETCD_TLS_KEY: files.key }),
    ],
    [
      "from variables",
      () => ({
        ETCD_CACERT: Buffer.from(certificates.ca.cert).toString("base64"),
        ETCD_TLS_CERT: Buffer.from(certificates.client.cert).toString("base64"),
        ETCD_TLS_KEY: Buffer.from(certificates.client.key).toString("base64"),
        ETCD_TLS_INMEMORY: "true",
      }),
    ],
  ])("%s", async (_, variables) => {
    vi.stubEnv("ETCD_HOSTS", strict.endpoint.replace("https://", ""));
    for (const [name, value] of Object.entries(variables())) vi.stubEnv(name, value);
    await works();
  });
});

describe("etcd is UNAVAILABLE, saying why,", () => {
  test("when another authority is trusted", async () => {
    const tls = { ca: certificates.wrongCa.cert };
    expect(await failure({ endpoints: open.endpoints, tls })).toMatch(/certificate/i);
  });

  test("when the authorities that Node.js trusts do not know it", async () => {
    expect(await failure({ endpoints: open.endpoints })).toMatch(/certificate/i);
  });

  test("when the certificate is for another name", async () => {
    const tls = { ca: certificates.ca.cert, servername: "elsewhere.dev" };
    expect(await failure({ endpoints: open.endpoints, tls })).toMatch(/elsewhere\.dev/);
  });

  test("when it asks for a certificate that the client does not have", async () => {
    const tls = { ca: certificates.ca.cert };
    expect(await failure({ endpoints: strict.endpoints, tls })).toMatch(
      /certificate|closed|reset|ECONNRESET|EPIPE/i,
    );
  });

  test("when it is spoken to in plain text", async () => {
    const endpoint = open.endpoint.replace("https:", "http:");
    expect(await failure({ endpoints: [endpoint] })).toContain(endpoint);
  });
});

test("a half or bad key pair is refused at once, also from the environment", () => {
  const { cert, key } = certificates.client;
  const { endpoints } = strict;
  const refused: unknown = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  expect(() => new Discovery({ endpoints, tls: { cert } })).toThrow(refused);
  expect(() => new Discovery({ endpoints, tls: { cert, key: "no key" } })).toThrow(refused);
  expect(() => new Discovery({ endpoints, tls: { cert: key, key } })).toThrow(refused);
  expect(() => new Discovery({ endpoints, tls: { ca: { file: "/no/such/file" } } })).toThrow(
    "/no/such/file",
  );
  vi.stubEnv("ETCD_TLS_CERT", files.cert);
  expect(() => new Discovery()).toThrow("ETCD_TLS_KEY");
});
