import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { rpcMethods } from "../../src/integrations/prometheus/rpc-metrics.ts";
import { startProxy } from "../../src/testing/index.ts";
import { apis } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { hear, type Heard } from "../support/heard.ts";

let heard: Heard;
beforeEach(() => void (heard = hear()));
afterEach(() => heard[Symbol.dispose]());

const host = { privateHostname: "node.internal.dev", ports: { http: 80 } };
const ofApi = {
  2: { read: "Keys/Get", write: "Keys/Put", watch: "Keys/Watch" },
  3: { read: "KV/Range", write: "KV/Txn", watch: "Watch/Watch" },
} as const;

describe.each(apis)("the channel of requests to etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;
  const names = ofApi[api];

  test("tells each, by its method, how it ended, how long it took, and who was asked", async () => {
    await using etcd = await start();
    await using proxy = await startProxy(etcd.endpoint);
    await using discovery = new Discovery({ api, endpoints: [proxy.endpoint], ttlSeconds: 2 });
    const rpcs = () => heard.on("etcd-discovery:rpc", discovery);
    const service = `service-${randomUUID()}`;
    const registration = discovery.register(service, host);
    await registration.waitRegistration();
    await discovery.get(service).one();
    const subscription = discovery.subscribe(service);
    await subscription.waitReady();

    expect(rpcs().map(({ method, code }) => `${method} ${code}`)).toEqual(
      expect.arrayContaining([`${names.write} OK`]),
    );
    for (const rpc of rpcs()) {
      expect(rpcMethods[api]).toContain(rpc.method);
      expect(rpc.endpoint).toBe(proxy.endpoint);
      expect(rpc.durationMs).toBeGreaterThanOrEqual(0);
      expect(rpc.durationMs).toBeLessThan(10_000);
      expect(rpc.stream).toBe(false);
      expect(Object.isFrozen(rpc)).toBe(true);
    }

    proxy.refuse();
    await eventually(() =>
      expect(rpcs()).toEqual(
        expect.arrayContaining([
          expect.objectContaining({ method: names.watch, stream: true, code: "UNAVAILABLE" }),
        ]),
      ),
    );
    const lookup = discovery.get(service, { timeoutMs: 300 }).all();
    await expect(lookup).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(rpcs().some(({ code, stream }) => !stream && code === "UNAVAILABLE")).toBe(true);
  });

  test("never carries what one signs in or serves with", async () => {
    await using etcd = await start();
    await etcdApi.askForPasswords(etcd, { rootPassword: "root-secret" });
    const auth = { username: "root", password: "root-secret" };
    await using discovery = new Discovery({ api, endpoints: etcd.endpoints, auth });
    const own = { ...host, hostname: "x.dev", public: true, user: "admin", password: "own-secret" };
    await discovery.register(`service-${randomUUID()}`, own).waitRegistration({});
    await using other = new Discovery({
      ...{ api, endpoints: etcd.endpoints },
      auth: { ...auth, password: "wrong-secret" },
    });
    await expect(other.get("none").all()).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
    const codes = new Set(heard.on("etcd-discovery:rpc", other).map(({ code }) => code));
    // etcd answers INVALID_ARGUMENT to a wrong password by API 3.
    expect([...codes]).toEqual([api === 3 ? "INVALID_ARGUMENT" : "UNAUTHENTICATED"]);
    expect(heard.on("etcd-discovery:rpc", discovery).length).toBeGreaterThan(0);
    expect(JSON.stringify(heard.all)).not.toMatch(/secret|admin/);
  }, 60_000);
});
