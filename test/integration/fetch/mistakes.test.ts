import { expect, test } from "vitest";
import { Discovery } from "../../../src/index.ts";
import { ServiceClient, type ServiceClientOptions } from "../../../src/integrations/fetch/index.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { serviceStage } from "../../support/service-stage.ts";

const url = "http://api.discovery/";

test.each<[field: string, options: object]>([
  ["options", {}],
  ["options", { discovery: undefined, pools: undefined }],
  ["discovery", { discovery: {} }],
  ["discovery", { discovery: null }],
  ["pools", { pools: [] }],
  ["pools", { pools: new Map() }],
  ["pools.api", { pools: { api: {} } }],
  ["live", { pools: {}, live: "all" }],
  ["live", { pools: {}, live: null }],
  ["subset", { pools: {}, live: { subset: -1 } }],
  ["stratgy", { pools: {}, live: { stratgy: 1 } }],
  ["retries", { pools: {}, retries: null }],
  ["suffix", { pools: {}, suffix: "" }],
  ["suffix", { pools: {}, suffix: "discovery" }],
  ["suffix", { pools: {}, suffix: ".dis/covery" }],
  ["face", { pools: {}, face: "both" }],
  ["credentials", { pools: {}, credentials: "yes" }],
  ["attemptTimeoutMs", { pools: {}, attemptTimeoutMs: 0 }],
  ["connectTimeoutMs", { pools: {}, connectTimeoutMs: "1s" }],
  ["bodyTimeoutMs", { pools: {}, bodyTimeoutMs: Number.NaN }],
  ["readyTimeoutMs", { pools: {}, readyTimeoutMs: -1 }],
  ["retries", { pools: {}, retries: -1 }],
  ["retries", { pools: {}, retries: 1.5 }],
  ["connections", { pools: {}, connections: 0 }],
  ["tls", { pools: {}, tls: "ca" }],
  ["tls", { pools: {}, tls: null }],
  ["servernam", { pools: {}, tls: { servernam: "api.dev" } }],
  ["otherwise", { pools: {}, otherwise: {} }],
  ["attemptTimeout", { pools: {}, attemptTimeout: 5 }],
  ["credential", { pools: {}, credential: true }],
])("a wrong option is refused at once, by its name: %s of %o", (field, options) => {
  expect(() => new ServiceClient(options as ServiceClientOptions)).toThrow(
    expect.objectContaining({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(new RegExp(`^${field.replace(".", "\\.")}: `)) as string,
    }),
  );
});

test.each<[field: string, init: object]>([
  ["key", { key: 1 }],
  ["idempotent", { idempotent: "yes" }],
  ["attemptTimeoutMs", { attemptTimeoutMs: 0 }],
  ["dispatcher", { dispatcher: {} }],
  ["attemptTimeout", { attemptTimeout: 5 }],
  ["idempotence", { idempotence: true }],
])("a wrong option of a request is refused by its name: %s of %o", async (field, init) => {
  await using stage = await serviceStage();
  await expect(stage.client.fetch(url, init)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringMatching(new RegExp(`^${field}: `)) as string,
  });
});

test("a wrong option of a dispatcher is refused at once", async () => {
  await using stage = await serviceStage();
  const { client } = stage;
  expect(() => client.dispatcherFor({ key: 1 } as object)).toThrow("key: must be a string");
  expect(() => client.dispatcherFor("key" as unknown as object)).toThrow(
    "options: must be an object",
  );
});

test.each([
  ["http://.discovery/", /"http:\/\/\.discovery" names no service/],
  ["http://api.discovery:8080/", /"http:\/\/api\.discovery:8080" has a port; leave it out/],
])("a url that cannot be meant is refused: %s", async (wrong, message) => {
  await using stage = await serviceStage();
  await expect(stage.client.fetch(wrong)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringMatching(message) as string,
  });
});

test("where there is no host to ask, the error says why", async () => {
  const store = memoryStore();
  await using discovery = new Discovery({ store });
  await using client = new ServiceClient({ discovery, readyTimeoutMs: 50 });
  await expect(client.fetch(url)).rejects.toMatchObject({ code: "NO_HOST_FOUND" });
  await using sharded = new ServiceClient({ discovery, live: { shard: "one" } });
  const host = { hostname: "one", ports: { https: 1 } };
  await discovery.register("api", host).waitRegistration();
  await expect(sharded.fetch(url)).rejects.toMatchObject({ code: "NO_HOST_FOUND_ON_SHARD" });
  await expect(client.fetch(url)).rejects.toMatchObject({
    code: "UNKNOWN_SCHEME",
    message: expect.stringContaining('has no port "http"; it has "https"') as string,
  });
  const native = fetch(url, { dispatcher: client.dispatcher } as object);
  await expect(native).rejects.toMatchObject({ cause: { code: "UNKNOWN_SCHEME" } });

  store.outage("silent");
  await expect(client.fetch("http://unknown.discovery/")).rejects.toMatchObject({
    code: "NOT_READY",
    message: 'the hosts of "unknown" were not known within 50 ms',
  });
  store.outage(false);
});

test("a host whose record cannot be used is passed over", async () => {
  await using stage = await serviceStage();
  const good = await stage.start();
  const record = { name: "no hostname", ports: { http: "80" }, private_hostname: "no hostname" };
  const whole = { ...record, uuid: "bad", service_name: "api" };
  stage.store.put("api", { kind: "host", id: "bad" }, JSON.stringify(whole));
  for (let count = 0; count < 6; count += 1) {
    expect(await (await stage.client.fetch(url)).text()).toBe(String(good.port));
  }
  expect(stage.pool.hosts).toHaveLength(2);
});
