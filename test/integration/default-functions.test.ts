import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import * as service from "../../src/index.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { apis, seen } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";

describe.each(apis)("etcd v$api", (etcdApi) => {
  const { api, start } = etcdApi;
  let etcd: EtcdCluster;
  let raw: ReturnType<typeof etcdApi.raw>;
  const prefix = `/default-${randomUUID()}`;

  const host = {
    hostname: "public-domain.dev",
    ports: { http: 80, https: 443 },
    privateHostname: "node-1.internal.dev",
    privatePorts: { http: 8080, https: 8443 },
    public: true,
    critical: true,
    shard: "shard-0",
    user: "user",
    password: "secret",
  };

  beforeAll(async () => {
    etcd = await start();
    raw = etcdApi.raw(etcd);
  });
  beforeEach(() => {
    vi.stubEnv("ETCD_HOSTS", etcd.endpoint);
    vi.stubEnv("ETCD_API", String(api));
    vi.stubEnv("ETCD_PREFIX", prefix);
  });
  afterEach(async () => {
    await service.defaultDiscovery().close();
    vi.unstubAllEnvs();
  });
  afterAll(async () => {
    await service.defaultDiscovery().close();
    await etcd.stop();
  });

  describe("the functions of the original", () => {
    test("register, find and follow on the etcd of the environment", async () => {
      const news = service.subscribe("my-service");
      const ups = service.subscribeNew("my-service");
      const downs = service.subscribeDown("my-service");
      await Promise.all([news, ups, downs].map((each) => each.waitReady()));
      const down = downs.next();

      const registration = service.register("my-service", host);
      await registration.waitRegistration();
      expect(registration.ready).toBe(true);
      expect(registration.credentials()).toEqual({ user: "user", password: "secret" });
      expect((await raw.get(`${prefix}/services/my-service/${registration.uuid}`))?.value).toBe(
        `{"name":"public-domain.dev","service_name":"my-service","ports":{"http":"80","https":"443"},"user":"user","password":"secret","public":true,"private_hostname":"node-1.internal.dev","private_ports":{"http":"8080","https":"8443"},"critical":true,"shard":"shard-0","uuid":"${registration.uuid}"}`,
      );
      expect(seen(await raw.get(`${prefix}/services_infos/my-service`))).toMatchObject({
        value: `{"name":"my-service","critical":true,"hostname":"public-domain.dev","user":"user","password":"secret","ports":{"http":"80","https":"443"},"public":true}`,
        life: "0",
      });

      const found = await service.get("my-service").one();
      expect(found.uuid).toBe(registration.uuid);
      expect(await service.get("my-service").url("https", "/health")).toBe(
        "https://user:secret@public-domain.dev:443/health",
      );
      expect(await service.getForShard("my-service", "shard-0").one().privateUrl("http", "x")).toBe(
        "http://user:secret@node-1.internal.dev:8080/x",
      );
      await expect(service.getForShard("my-service", "shard-1").first()).rejects.toMatchObject({
        code: "NO_HOST_FOUND_ON_SHARD",
      });
      expect((await service.get("my-service").service()).critical).toBe(true);

      expect((await news.next()).value).toMatchObject({ type: "up", host: { uuid: found.uuid } });
      expect((await ups.next()).value?.uuid).toBe(found.uuid);
      await registration.unregister();
      await eventually(async () => {
        const { value } = await news.next();
        return value?.type === "down" && value.reason === "unregistered";
      });
      expect((await down).value?.uuid).toBe(found.uuid);
    });

    test("work on one discovery, and on a new one after it was closed", async () => {
      const first = service.defaultDiscovery();
      expect(service.defaultDiscovery()).toBe(first);
      const registration = service.register("closed-service", host);
      await registration.waitRegistration();
      const news = service.subscribe("closed-service");
      await first.close();
      expect(registration.state).toBe("closed");
      expect(await news.next()).toMatchObject({ done: true });
      await expect(first.get("closed-service").one()).rejects.toMatchObject({ code: "CLOSED" });

      await expect(service.get("closed-service").one()).rejects.toMatchObject({
        code: "NO_HOST_FOUND",
      });
      expect(service.defaultDiscovery()).not.toBe(first);
      vi.stubEnv("ETCD_PREFIX", `${prefix}/other`);
      await service.defaultDiscovery().close();
      await expect(service.get("closed-service").one()).rejects.toMatchObject({
        code: "SERVICE_NOT_FOUND",
      });
    });
  });

  describe("the environment says where etcd is", () => {
    test.each<[string, (port: string) => Record<string, string>]>([
      [
        "in a list of URLs",
        (port) => ({ ETCD_HOSTS: `http://127.0.0.1:9,http://127.0.0.1:${port}` }),
      ],
      ["in a list without schemes", (port) => ({ ETCD_HOSTS: ` 127.0.0.1:${port} , ` })],
      ["as one host", (port) => ({ ETCD_HOSTS: "", ETCD_HOST: `http://127.0.0.1:${port}` })],
      ["as a name", (port) => ({ ETCD_HOSTS: "", ETCD_HOST: `localhost:${port}` })],
      [
        "as a linked container",
        (port) => ({
          ETCD_HOSTS: "",
          ETCD_1_PORT_2379_TCP_ADDR: "127.0.0.1",
          ETCD_1_PORT_2379_TCP_PORT: port,
        }),
      ],
    ])("%s", async (_, variables) => {
      const { port } = new URL(etcd.endpoint);
      for (const [name, value] of Object.entries(variables(port))) vi.stubEnv(name, value);
      const registration = service.register("anywhere", { ports: { http: 80 } });
      await registration.waitRegistration();
      expect(await service.defaultDiscovery().services({ alive: true })).toContain("anywhere");
    });

    test("or where it is not, which is an error at the first use", async () => {
      await service.defaultDiscovery().close();
      vi.stubEnv("ETCD_HOSTS", "ftp://127.0.0.1");
      expect(() => service.get("anywhere")).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
      vi.stubEnv("ETCD_HOSTS", etcd.endpoint);
    });
  });
});
