import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Credentials, Discovery } from "../../src/index.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { apis, seen } from "../support/apis.ts";
import { type Child, runChild } from "../support/child.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";

describe.each(apis)("etcd v$api", (etcdApi) => {
  const prefix = `/credentials-${randomUUID()}`;
  const { api, start } = etcdApi;

  /** All must agree within this time. On v2 each record is a request, and the info comes after its hosts. */
  const agreedMs = api === 3 ? 2_000 : 4_000;

  let etcd: EtcdCluster;
  let raw: ReturnType<typeof etcdApi.raw>;

  const publicHost = (password: string) => ({
    hostname: "public-domain.dev",
    ports: { http: 80 },
    privateHostname: "node-1.internal.dev",
    public: true,
    user: "user",
    password,
  });

  const open: AsyncDisposable[] = [];
  beforeAll(async () => {
    etcd = await start();
    raw = etcdApi.raw(etcd);
  });
  afterAll(async () => {
    await Promise.all(open.map((each) => each[Symbol.asyncDispose]()));
    await etcd.stop();
  });

  function discovery(): Discovery {
    const made = new Discovery({ api, endpoints: etcd.endpoints, prefix });
    open.push(made);
    return made;
  }

  /** Passwords on the info and on all hosts of a service. */
  async function passwords(service: string): Promise<string[]> {
    const [info, hosts] = await Promise.all([
      raw.get(`${prefix}/services_infos/${service}`),
      raw.list(`${prefix}/services/${service}/`),
    ]);
    return [info, ...hosts.values()].map(
      (record) => (JSON.parse(record?.value ?? "{}") as { password: string }).password,
    );
  }

  async function agreed(service: string, hosts: number): Promise<string> {
    return await eventually(async () => {
      const all = await passwords(service);
      const [first, ...others] = new Set(all);
      return all.length === hosts + 1 && first !== undefined && others.length === 0 && first;
    }, 2 * agreedMs);
  }

  /** A process with five public hosts of a service, each of a Discovery of its own, that begin at a word. */
  async function fleet(service: string, name: string): Promise<Child> {
    const child = await runChild(
      `
    const discoveries = Array.from({ length: 5 }, () => new Discovery());
    // Connected and warm, so that they begin at the same moment indeed.
    await Promise.all(discoveries.map((discovery) => discovery.services()));
    say("ready");
    await told();
    const registrations = discoveries.map((discovery, i) => discovery.register(${JSON.stringify(service)}, {
      hostname: "public-domain.dev", ports: { http: 80 }, public: true,
      user: "user-${name}-" + i, password: "${name}-" + i,
    }));
    for (const registration of registrations) {
      registration.on("credentials", (credentials) => say({ credentials }));
    }
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
    say("registered");
    for (;;) {
      const password = await told();
      if (password === "end") break;
      if (password === "show") say({ shown: registrations.map((each) => each.credentials()) });
      else {
        await registrations[0].rotateCredentials({ user: "rotated", password });
        say("rotated");
      }
    }
    await Promise.all(discoveries.map((discovery) => discovery.close()));
    `,
      { env: { ETCD_HOSTS: etcd.endpoint, ETCD_PREFIX: prefix, ETCD_API: String(api) } },
    );
    open.push(child);
    return child;
  }

  const heard = (child: Child, what: string) => child.heard((said) => said === what);

  const shown = async (child: Child) => {
    child.tell("show");
    return (await child.heard<{ shown?: Credentials[] }>(({ shown }) => shown !== undefined)).shown;
  };

  describe.concurrent("public hosts of one service", () => {
    test("in four processes that start at the same moment with 20 passwords end with one", async () => {
      const service = "fleet";
      const children = await Promise.all(["a", "b", "c", "d"].map((name) => fleet(service, name)));
      await Promise.all(children.map((child) => heard(child, "ready")));
      for (const child of children) child.tell("go");
      const startedAt = performance.now();
      await Promise.all(children.map((child) => heard(child, "registered")));
      const password = await agreed(service, 20);
      expect(performance.now() - startedAt).toBeLessThan(agreedMs);
      expect(password).toMatch(/^[a-d]-[0-4]$/);

      // It stays so, with nobody writing any more, and all of them know.
      const written = async (key: string) =>
        [...(await raw.list(key)).values()].map((record) => seen(record)?.written);
      const hosts = await written(`${prefix}/services/${service}/`);
      const info = seen(await raw.get(`${prefix}/services_infos/${service}`));
      await sleep(500);
      expect(await written(`${prefix}/services/${service}/`)).toEqual(hosts);
      expect(seen(await raw.get(`${prefix}/services_infos/${service}`))).toEqual(info);
      const credentials = { user: `user-${password}`, password };
      for (const child of children)
        expect(await shown(child)).toEqual(Array.from({ length: 5 }, () => credentials));

      // No more than three writes a host, its first one included.
      if (api === 3)
        expect(Math.max(...hosts.map((version = Infinity) => version))).toBeLessThan(4);

      // One of them rotates, at last two at the same time.
      children[0]?.tell("rotated-0");
      await heard(children[0] as Child, "rotated");
      await eventually(async () => (await agreed(service, 20)) === "rotated-0", agreedMs);
      children[1]?.tell("rotated-1");
      children[2]?.tell("rotated-2");
      await Promise.all(children.slice(1, 3).map((child) => heard(child, "rotated")));
      const last = await agreed(service, 20);
      expect(last).toMatch(/^rotated-[12]$/);
      for (const child of children) {
        await child.heard<{ credentials?: Credentials }>((it) => it.credentials?.password === last);
      }
      for (const child of children) child.tell("end");
      for (const child of children) {
        expect(await child.exit).toEqual({ code: 0, signal: null, stderr: "" });
      }
      expect(await raw.list(`${prefix}/services/${service}/`)).toEqual(new Map());
      expect((await passwords(service))[0]).toBe(last);
    }, 30_000);

    test("adopt the credentials of the newest, and each tells its user once", async () => {
      const service = "newest";
      const [first, second, third] = [discovery(), discovery(), discovery()];
      const old = [first, first, second].map((each) => each.register(service, publicHost("old")));
      await Promise.all(old.map((each) => each.waitRegistration()));
      const changes: Credentials[][] = old.map(() => []);
      old.forEach((each, i) => each.on("credentials", (change) => changes[i]?.push(change)));
      const stream = old[0]?.credentialChanges();

      const newest = third.register(service, publicHost("new"));
      await newest.waitRegistration();
      expect(await agreed(service, 4)).toBe("new");
      const credentials = { user: "user", password: "new" };
      expect(changes).toEqual(old.map(() => [credentials]));
      expect(await stream?.next()).toEqual({ done: false, value: credentials });
      expect(old.map((each) => each.credentials())).toEqual(old.map(() => credentials));

      // One that brings none takes those of the service, and announces nothing.
      const anonymous = { ...publicHost(""), user: undefined, password: undefined };
      const modest = second.register(service, anonymous);
      await modest.waitRegistration();
      expect(modest.credentials()).toEqual(credentials);
      expect(await agreed(service, 5)).toBe("new");
    });

    test("that were away while the password was rotated adopt it, not the other way round", async () => {
      const service = "repaired";
      const [first, second] = [discovery(), discovery()];
      const registrations = [first, second].map((each) =>
        each.register(service, publicHost("old")),
      );
      await Promise.all(registrations.map((each) => each.waitRegistration()));
      const [rotating, repaired] = registrations;
      const key = `${prefix}/services/${service}/${repaired?.uuid}`;
      const lease = seen(await raw.get(key))?.life ?? "";
      await Promise.all([
        rotating?.rotateCredentials({ user: "user", password: "new" }),
        raw instanceof RawEtcd ? raw.revoke(lease) : raw.delete(key),
      ]);
      expect(await agreed(service, 2)).toBe("new");
      await sleep(300);
      expect(await agreed(service, 2)).toBe("new");
      expect(repaired?.credentials().password).toBe("new");
    });
  });
});
