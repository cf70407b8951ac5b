import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { recordingLogger } from "../support/recording-logger.ts";

let etcd: EtcdCluster;

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
});

afterAll(() => etcd.stop());

/** As an older client writes it. */
async function putV2(key: string, value: string): Promise<void> {
  const url = `${etcd.endpoint}/v2/keys${key}`;
  const answer = await fetch(url, { method: "PUT", body: new URLSearchParams({ value }) });
  expect(answer.status).toBe(201);
}

function discover(prefix: string) {
  const logger = recordingLogger();
  const discovery = new Discovery({ endpoints: etcd.endpoints, api: 3, prefix, logger });
  const warnings = () => logger.lines.filter(({ level }) => level === "warn");
  return { discovery, warnings };
}

const there = /^service "api" has neither an info nor a host; .* v2 API .* \(ETCD_API=2\)/;

test("whoever looks for it is told where it is, by the first error and each later one", async () => {
  await putV2("/info-alone/services_infos/api", "{}");
  await putV2("/host-alone/services/api/4e-node-1", "{}");
  for (const prefix of ["/info-alone", "/host-alone"]) {
    const { discovery, warnings } = discover(prefix);
    const lookups = () => [
      discovery.get("api").all(),
      discovery.get("api").one(),
      discovery.get("api").url(),
    ];
    for (const lookup of [...lookups(), ...lookups()]) {
      await expect(lookup).rejects.toMatchObject({
        code: "SERVICE_NOT_FOUND",
        message: expect.stringMatching(there) as string,
      });
    }
    expect(warnings()).toMatchObject([{ fields: { service: "api" } }]);
    await discovery.close();
  }
});

test("whoever follows it is told once in the log, however many they are", async () => {
  await putV2("/followed/services_infos/api", "{}");
  const { discovery, warnings } = discover("/followed");
  const first = discovery.subscribe("api");
  await eventually(() => warnings().length === 1);
  expect(warnings()[0]).toMatchObject({ fields: { service: "api" } });
  await discovery.subscribe("api").waitReady();
  await first.return();
  await discovery.changes("api").next();
  await expect(discovery.get("api").one()).rejects.toThrow(there);
  expect(warnings()).toHaveLength(1);
  await discovery.close();
});

test("a service that is nowhere, or on v3 too, is not spoken of", async () => {
  await putV2("/both/services_infos/api", "{}");
  const { discovery, warnings } = discover("/both");
  await using elsewhere = new Discovery({ endpoints: etcd.endpoints, prefix: "/other" });
  const host = { hostname: "node-1.internal.dev", ports: { http: 80 } };
  await discovery.register("api", host).waitRegistration();
  expect(await discovery.get("api").url()).toBe("http://node-1.internal.dev:80");
  const nowhere = {
    code: "SERVICE_NOT_FOUND",
    message: expect.not.stringContaining("v2") as string,
  };
  await expect(discovery.get("nowhere").one()).rejects.toMatchObject(nowhere);
  await expect(elsewhere.get("api").one()).rejects.toMatchObject(nowhere);
  await discovery.close();
  expect(warnings()).toEqual([]);
});

test("an etcd without the v2 API, as it is by default, is asked in vain, and quickly", async () => {
  await using plain = await startEtcd();
  const logger = recordingLogger();
  await using discovery = new Discovery({ endpoints: plain.endpoints, api: 3, logger });
  const message = 'service "api" has neither an info nor a host';
  await expect(discovery.get("api").one()).rejects.toMatchObject({ message });
  expect(logger.lines.filter(({ level }) => level !== "debug")).toEqual([]);
});

test("over TLS, with a client certificate", async () => {
  const { ca, server, client } = await makeCertificates();
  const served = { ...server, ca: ca.cert, clientCertAuth: true };
  await using secure = await startEtcd({ tls: served, args: ["--enable-v2"] });
  const tls = { ...client, ca: ca.cert };
  const put = request(`${secure.endpoint}/v2/keys/services_infos/api?value=x`, {
    ...tls,
    method: "PUT",
    agent: false,
  });
  put.end();
  const [answer] = (await once(put, "response")) as [IncomingMessage];
  answer.resume();
  expect(answer.statusCode).toBe(201);
  await using discovery = new Discovery({ endpoints: secure.endpoints, tls, api: 3 });
  await expect(discovery.get("api").one()).rejects.toThrow(there);
});
