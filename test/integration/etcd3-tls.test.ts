import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Store } from "../../src/store/store.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { etcd3Store, patiently, putInfo, read, write } from "../support/etcd3.ts";
import { eventually } from "../support/eventually.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

let certificates: Certificates;
let plain: EtcdCluster;
let strict: EtcdCluster;

beforeAll(async () => {
  certificates = await makeCertificates();
  const { cert, key } = certificates.server;
  const ca = certificates.ca.cert;
  [plain, strict] = await Promise.all([
    startEtcd({ tls: { cert, key } }),
    startEtcd({ tls: { cert, key, ca, clientCertAuth: true } }),
  ]);
});

afterAll(() => Promise.all([plain, strict].map((etcd) => etcd.stop())));

async function works(store: Store, service: string): Promise<void> {
  await store.write(write(service, putInfo("i")), patiently);
  expect((await read(store, service)).info?.id).toBe(service);
}

async function unavailable(store: Store): Promise<string> {
  const startedAt = performance.now();
  const error = await read(store, "demo", { timeoutMs: 500 }).catch((reason: unknown) => reason);
  expect(performance.now() - startedAt).toBeLessThan(1_000);
  expect(error).toMatchObject({ code: "UNAVAILABLE" });
  return (error as Error).message;
}

test("an authority alone, as text or bytes", async () => {
  const ca = certificates.ca.cert;
  for (const source of [ca, Buffer.from(ca)]) {
    await using store = etcd3Store(plain.endpoints, { tls: { ca: source } });
    await works(store, "ca-alone");
  }
});

test("a client certificate from files, which are read again at each new connection", async () => {
  await using folder = await temporaryFolder();
  const { ca, client, wrongCa } = certificates;
  const file = async (name: string, pem: string): Promise<{ file: string }> => {
    const path = join(folder.path, name);
    await writeFile(path, pem);
    return { file: path };
  };
  const tls = {
    ca: await file("ca.pem", wrongCa.cert),
    cert: await file("cert.pem", client.cert),
    key: await file("key.pem", client.key),
  };
  await using store = etcd3Store(strict.endpoints, { tls });
  await unavailable(store);
  await file("ca.pem", ca.cert);
  await eventually(() => works(store, "client-certificate"));
});

test("another authority's certificate is not trusted", async () => {
  await using store = etcd3Store(plain.endpoints, { tls: { ca: certificates.wrongCa.cert } });
  expect(await unavailable(store)).toMatch(/certificate/);
});

test("a certificate for another name is not trusted", async () => {
  const tls = { ca: certificates.ca.cert, servername: "elsewhere.test" };
  await using store = etcd3Store(plain.endpoints, { tls });
  await unavailable(store);
});

test("without the client certificate that etcd asks for, nothing goes", async () => {
  await using store = etcd3Store(strict.endpoints, { tls: { ca: certificates.ca.cert } });
  await unavailable(store);
});
