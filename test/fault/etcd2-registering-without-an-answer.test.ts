import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type EtcdCluster, startEtcd, startProxy, type TcpProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { witness } from "../support/witness.ts";

const publicHost = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "secret",
};

const args = ["--enable-v2"];

let etcd: EtcdCluster;
let raw: RawEtcdV2;

beforeAll(async () => {
  etcd = await startEtcd({ args });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(() => etcd.stop());

const keysOf = async (service: string) => [...(await raw.list(`/services/${service}`)).keys()];

/** A discovery behind a proxy with a host of the service, for which all is ready. */
async function registered(proxy: TcpProxy, service: string): Promise<Discovery> {
  const endpoints = [proxy.endpoint];
  const discovery = new Discovery({ api: 2, endpoints, ttlSeconds: 2, timeoutMs: 500 });
  await discovery.register(service, publicHost).waitRegistration();
  return discovery;
}

describe.concurrent("registering by etcd's v2 API", () => {
  test("while etcd hangs leads to one record, told once, when it goes on", async () => {
    await using hanging = await startEtcd({ args });
    await using discovery = new Discovery({
      api: 2,
      endpoints: hanging.endpoints,
      ttlSeconds: 2,
      timeoutMs: 500,
    });
    const follower = witness(discovery, "api");
    await follower.ready();
    hanging.pause();
    const registration = discovery.register("api", publicHost);
    await eventually(() => registration.lastError?.code === "TIMEOUT");
    expect(registration.state).toBe("registering");
    hanging.resume();
    await registration.waitRegistration();
    await follower.agrees(new RawEtcdV2(hanging.endpoint));
    expect(follower.told).toEqual([`up ${registration.uuid}`]);
  });

  test.each(["the connection is cut", "nothing comes"])(
    "leads to one record where it was written, but %s instead of an answer",
    async (fault) => {
      const service = fault.replaceAll(" ", "-");
      await using proxy = await startProxy(etcd.endpoint);
      await using discovery = await registered(proxy, service);
      proxy.stall("down");
      const registration = discovery.register(service, publicHost);
      const key = `/services/${service}/${registration.uuid}`;
      await eventually(async () => (await raw.get(key)) !== undefined);
      if (fault === "nothing comes") await eventually(() => registration.lastError !== undefined);
      else proxy.cut();
      proxy.heal();
      await registration.waitRegistration();
      expect((await keysOf(service)).length).toBe(2);
      expect((await raw.get(key))?.ttl).toBeGreaterThan(0);
      expect(JSON.parse((await raw.get(`/services_infos/${service}`))?.value ?? "")).toMatchObject({
        password: "secret",
      });
      await registration.unregister();
      expect(await raw.get(key)).toBeUndefined();
    },
  );

  test("and closing before the answer came leaves nothing for longer than the TTL", async () => {
    const service = "closed";
    await using proxy = await startProxy(etcd.endpoint);
    const discovery = await registered(proxy, service);
    proxy.stall("down");
    const registration = discovery.register(service, publicHost);
    const key = `/services/${service}/${registration.uuid}`;
    await eventually(async () => (await raw.get(key)) !== undefined);
    const since = performance.now();
    await discovery.close();
    expect(performance.now() - since).toBeLessThan(3_500);
    proxy.heal();
    await eventually(async () => expect(await keysOf(service)).toEqual([]), 5_000);
  });

  test("and closing at once, cut off meanwhile, leaves nothing behind", async () => {
    await using proxy = await startProxy(etcd.endpoint);
    for (let count = 0; count < 12; count += 1) {
      const discovery = new Discovery({ api: 2, endpoints: [proxy.endpoint], ttlSeconds: 60 });
      if (count % 2 === 0) await discovery.services();
      const registration = discovery.register("cut", publicHost);
      for (let turn = 0; turn < 3 * count; turn += 1) {
        await new Promise((resolve) => void setImmediate(resolve));
      }
      const ended = [registration.unregister(), discovery.close()];
      proxy.cut();
      await Promise.all(ended);
    }
    await eventually(async () => expect(await keysOf("cut")).toEqual([]), 5_000);
  });
});
