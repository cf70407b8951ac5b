import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type EtcdAuth, startEtcd } from "../../src/testing/index.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { doctor } from "../support/doctor.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const days = (count: number): number => count * 24;

/** A look at an etcd with these certificates. */
async function look(
  certificates: Certificates,
  args: (files: Readonly<Record<"ca" | "cert" | "key", string>>) => readonly string[],
  options: {
    readonly clientCertAuth?: boolean;
    readonly scheme?: string;
    readonly auth?: EtcdAuth;
  } = {},
) {
  const { auth, clientCertAuth = false, scheme = "https" } = options;
  await using folder = await temporaryFolder();
  const file = async (name: string, pem: string): Promise<string> => {
    const path = join(folder.path, name);
    await writeFile(path, pem);
    return path;
  };
  const files = {
    ca: await file("ca.pem", certificates.ca.cert),
    cert: await file("cert.pem", certificates.client.cert),
    key: await file("key.pem", certificates.client.key),
  };
  const { cert, key } = certificates.server;
  const tls = {
    cert,
    key,
    ...(clientCertAuth ? { ca: certificates.ca.cert, clientCertAuth } : {}),
  };
  const etcd = await startEtcd({ tls, auth });
  try {
    const endpoint = etcd.endpoint.replace("https", scheme);
    return await doctor(["--timeout", "3s", "--endpoints", endpoint, ...args(files)]);
  } finally {
    await etcd.stop();
  }
}

test("certificates that are good for long are well, etcd's and ours", async () => {
  const certificates = await makeCertificates({ server: days(90), client: days(60) });
  const { code, of } = await look(
    certificates,
    ({ ca, cert, key }) => ["--cacert", ca, "--cert", cert, "--key", key],
    { clientCertAuth: true },
  );
  expect(of("tls")).toEqual([
    expect.stringMatching(/^ok https:\S+: the certificate of "localhost" runs out in 89 days, at /),
    expect.stringMatching(/^ok our certificate: the certificate of "client" runs out in 59 days/),
  ]);
  expect(code).toBe(0);
});

test("a certificate that runs out tomorrow is a problem, one that does in two weeks a warning", async () => {
  const certificates = await makeCertificates({ server: days(1.5), client: days(14.5) });
  const { code, findings, of } = await look(
    certificates,
    ({ ca, cert, key }) => ["--cacert", ca, "--cert", cert, "--key", key],
    { clientCertAuth: true },
  );
  expect(of("endpoint")).toEqual([expect.stringMatching(/^ok /)]);
  expect(of("tls")).toEqual([
    expect.stringMatching(/^problem https:\S+: .* runs out in 1 day, at /),
    expect.stringMatching(/^warning our certificate: .* runs out in 14 days/),
  ]);
  expect(findings.find(({ check }) => check === "tls")?.remedy).toMatch(/Renew it/);
  expect(code).toBe(1);
});

test("a certificate that has run out is told as such, though nothing can be asked there any more", async () => {
  const certificates = await makeCertificates({ server: -2 });
  const { code, findings, of } = await look(certificates, ({ ca }) => ["--cacert", ca]);
  expect(of("endpoint")).toEqual([expect.stringMatching(/^problem .*expired/)]);
  expect(findings[0]?.remedy).toMatch(/Renew the certificate/);
  expect(of("tls")).toEqual([expect.stringMatching(/^problem https:\S+: .* ran out at 20/)]);
  expect(code).toBe(1);
});

test("a certificate of somebody else's authority, and one that is not asked for by TLS at all", async () => {
  const certificates = await makeCertificates({ server: days(90) });
  const distrusted = await look(certificates, () => []);
  expect(distrusted.of("tls")).toEqual([expect.stringMatching(/^problem .* is not trusted: /)]);
  expect(distrusted.findings[0]?.remedy).toMatch(/--cacert/);
  const plain = await look(certificates, () => [], { scheme: "http" });
  expect(plain.of("endpoint")).toEqual([expect.stringMatching(/^problem /)]);
  expect(plain.findings[0]?.remedy).toMatch(/https:\/\//);
  expect([distrusted.code, plain.code]).toEqual([1, 1]);
});

test("etcd asks for our certificate, and there is none", async () => {
  const certificates = await makeCertificates({ server: days(90) });
  const { code, findings, of } = await look(certificates, ({ ca }) => ["--cacert", ca], {
    clientCertAuth: true,
  });
  expect(of("endpoint")).toEqual([expect.stringMatching(/^problem /)]);
  expect(findings[0]?.remedy).toMatch(/--cert/);
  expect(code).toBe(1);
});

test("etcd takes the name of our certificate for that of a user, whose rights are told", async () => {
  const certificates = await makeCertificates({ server: days(90), client: days(90) });
  const permissions = [{ access: "read" as const, prefix: "/services" }];
  const { code, findings, of } = await look(
    certificates,
    ({ ca, cert, key }) => ["--cacert", ca, "--cert", cert, "--key", key],
    {
      clientCertAuth: true,
      auth: {
        rootPassword: "root-secret",
        roles: [{ name: "reads", permissions }],
        users: [{ name: "client", password: "client-secret", roles: ["reads"] }],
      },
    },
  );
  expect(of("sign-in")).toEqual([expect.stringMatching(/^ok: .* the name of our certificate/)]);
  const denied = findings.filter(({ check, level }) => check === "rights" && level === "problem");
  expect(denied.map(({ where }) => where)).toEqual(["write /services/", "write /services_infos/"]);
  expect(code).toBe(1);
});
