import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Credentials, Discovery, type Registration } from "../../src/index.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { GoHost, goLookup, GoSubscriber } from "../support/go-client.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { RubyHost } from "../support/ruby-client.ts";

let etcd: EtcdCluster;
let raw: RawEtcdV2;
const open: Discovery[] = [];

beforeAll(async () => {
  etcd = await startEtcd({ args: ["--enable-v2"] });
  raw = new RawEtcdV2(etcd.endpoint);
});
afterAll(async () => {
  await Promise.all(open.map((discovery) => discovery.close()));
  await etcd.stop();
});

/** Long enough that nobody's record runs out because the machine is busy. */
const calm = { ttlSeconds: 60 };

function connect(): Discovery {
  const discovery = new Discovery({ api: 2, endpoints: etcd.endpoints, ...calm });
  open.push(discovery);
  return discovery;
}

const ours = (password: string) => ({
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password,
});

const theirs = (password: string) => ({
  name: "public-domain.dev",
  ports: { http: "80" },
  private_hostname: "node-2.internal.dev",
  public: true,
  user: "user",
  password,
});

const credentials = (password: string): Credentials => ({ user: "user", password });

/** What a registration tells its user of. */
function told(registration: Registration): Credentials[] {
  const changes: Credentials[] = [];
  registration.on("credentials", (change) => changes.push(change));
  return changes;
}

/** The passwords on the info and on all hosts, as a Go lookup finds them. */
async function passwords(service: string): Promise<unknown[]> {
  const { info, hosts } = await goLookup(raw, service);
  return [info["password"], ...hosts.map(({ password }) => password)];
}

const agreed = (service: string, hosts: number, password: string) =>
  eventually(
    async () => {
      const all = Array.from({ length: hosts + 1 }, () => password);
      expect(await passwords(service)).toEqual(all);
    },
    5_000,
    10,
  );

describe.concurrent("credentials", () => {
  test("that a Go host announces are adopted by ours, which tell their users once", async () => {
    const service = "go-announces";
    const registrations = [connect(), connect()].map((each) => each.register(service, ours("old")));
    await Promise.all(registrations.map((each) => each.waitRegistration()));
    await agreed(service, 2, "old");
    const changes = registrations.map(told);
    const stream = registrations[0]?.credentialChanges();
    await using subscriber = await new GoSubscriber(raw, service).start();

    await using go = await new GoHost(raw, service, theirs("new"), calm).start();
    await agreed(service, 3, "new");
    await eventually(() => expect(changes).toEqual([1, 2].map(() => [credentials("new")])));
    expect(await stream?.next()).toEqual({ done: false, value: credentials("new") });
    for (const each of registrations) {
      expect(each.credentials()).toEqual(credentials("new"));
      // Written once, with all that it had.
      const key = `/services/${service}/${each.uuid}`;
      await eventually(() => subscriber.actions(key).length > 0);
      expect(subscriber.actions(key)).toHaveLength(1);
      const host = JSON.parse((await raw.get(key))?.value ?? "") as object;
      expect(host).toMatchObject({ name: "public-domain.dev", password: "new", uuid: each.uuid });
    }
    expect(subscriber.fresh).toEqual([go.uuid]);
    expect(go.adopted).toEqual([]);
  });

  test("that a host of ours announces are adopted by Go hosts, and by Ruby's", async () => {
    const service = "ours-announces";
    await using first = await new GoHost(raw, service, theirs("old"), calm).start();
    await using second = await new GoHost(raw, service, theirs("old"), calm).start();
    await using ruby = await new RubyHost(raw, service, theirs("old"), {
      everyMs: 50,
      ...calm,
    }).start();
    await eventually(() => first.adopted.length === 2 && second.adopted.length === 1);
    await using subscriber = await new GoSubscriber(raw, service).start();
    const registration = connect().register(service, ours("new"));
    await registration.waitRegistration();
    await agreed(service, 4, "new");
    expect(first.adopted.at(-1)).toEqual(credentials("new"));
    expect(first.adopted).toHaveLength(3);
    expect(second.adopted).toHaveLength(2);
    expect((await raw.get(ruby.key))?.value).toContain('"password":"new"');
    await eventually(() => subscriber.fresh.length > 0);
    expect(subscriber.fresh).toEqual([registration.uuid]);
  });

  test("that are rotated by ours are adopted by Go hosts, again and again", async () => {
    const service = "rotated";
    const registration = connect().register(service, ours("0"));
    await registration.waitRegistration();
    await using go = await new GoHost(raw, service, theirs("0"), calm).start();
    await using subscriber = await new GoSubscriber(raw, service).start();
    const changes = told(registration);
    for (const password of ["1", "2", "3"]) {
      await registration.rotateCredentials(credentials(password));
      await agreed(service, 2, password);
    }
    await eventually(() => go.adopted.length === 3);
    expect(go.adopted).toEqual(["1", "2", "3"].map(credentials));
    expect(registration.credentials()).toEqual(credentials("3"));
    expect(changes).toEqual([]);
    expect(subscriber.fresh).toEqual([]);
    expect(subscriber.gone).toEqual([]);
  });

  test("of Go hosts are taken by ours that brings none", async () => {
    const service = "modest";
    await using go = await new GoHost(raw, service, theirs("<go>&"), calm).start();
    const info = await raw.get(go.infoKey);
    const modest = { ...ours(""), user: undefined, password: undefined };
    const registration = connect().register(service, modest);
    await registration.waitRegistration();
    expect(registration.credentials()).toEqual(credentials("<go>&"));
    await agreed(service, 2, "<go>&");
    expect((await raw.get(go.infoKey))?.value).toBe(info?.value);
    expect(go.adopted.filter(({ password }) => password !== "<go>&")).toEqual([]);
  });

  test("of many that start at once, ours and Go's, become one", async () => {
    const service = "at-once";
    await using first = new GoHost(raw, service, theirs("go-1"), calm);
    await using second = new GoHost(raw, service, theirs("go-2"), calm);
    const registrations = [1, 2, 3].map((i) => connect().register(service, ours(`ours-${i}`)));
    await Promise.all([
      first.start(),
      second.start(),
      ...registrations.map((each) => each.waitRegistration()),
    ]);
    await eventually(
      async () => {
        const all = await passwords(service);
        return all.length === 6 && new Set(all).size === 1;
      },
      5_000,
      10,
    );
    const [password] = await passwords(service);
    await eventually(() => {
      for (const each of registrations) expect(each.credentials().password).toBe(password);
    });
  });
});

describe.concurrent("the info of a public service", () => {
  test.each(["go", "ours"])("(%s) is left alone by a private host of ours", async (kind) => {
    const service = `public-${kind}`;
    await using go = new GoHost(raw, service, theirs("secret"), calm);
    if (kind === "go") await go.start();
    else await connect().register(service, ours("secret")).waitRegistration();
    const before = await raw.get(go.infoKey);
    const registration = connect().register(service, { hostname: "node-3", ports: { http: 1 } });
    await registration.waitRegistration();
    await registration.update({ critical: true, ports: { http: 2 } });
    await raw.delete(`/services/${service}/${registration.uuid}`);
    await eventually(async () => (await goLookup(raw, service)).hosts.length === 2, 5_000, 10);
    await registration.unregister();
    expect(await raw.get(go.infoKey)).toEqual(before);
    expect(go.adopted).toEqual([]);
  });

  test("is left alone by a private host of ours also where it was there first", async () => {
    const service = "private-first";
    const registration = connect().register(service, { hostname: "node-3", ports: { http: 1 } });
    await registration.waitRegistration();
    await using go = await new GoHost(raw, service, theirs("secret"), calm).start();
    const before = await raw.get(go.infoKey);
    await registration.update({ weight: 2 });
    await registration.unregister();
    expect(await raw.get(go.infoKey)).toEqual(before);
    expect(await connect().get(service).url()).toBe("http://user:secret@public-domain.dev:80");
  });

  test("that a private Go host wipes is put back by ours, which keeps its credentials", async () => {
    const service = "wiped";
    const registration = connect().register(service, ours("secret"));
    await registration.waitRegistration();
    const changes = told(registration);
    const before = (await raw.get(`/services_infos/${service}`))?.value;
    const input = { name: "node-4", ports: { http: "1" } };
    await using go = await new GoHost(raw, service, input, calm).start();
    await eventually(
      async () => expect((await raw.get(go.infoKey))?.value).toBe(before),
      5_000,
      10,
    );
    expect(registration.credentials()).toEqual(credentials("secret"));
    expect(changes).toEqual([]);
    expect((await goLookup(raw, service)).hosts.map(({ uuid }) => uuid).sort()).toEqual(
      [go.uuid, registration.uuid].sort(),
    );
  });

  test("that somebody deletes is put back by ours, and Go hosts follow it", async () => {
    const service = "deleted";
    const registration = connect().register(service, ours("secret"));
    await registration.waitRegistration();
    await using go = await new GoHost(raw, service, theirs("secret"), calm).start();
    const before = (await raw.get(go.infoKey))?.value;
    await raw.delete(go.infoKey);
    await eventually(async () => expect((await raw.get(go.infoKey))?.value).toBe(before));
    // A Go host takes an info that is gone for one without credentials, until it is there again.
    await eventually(() => expect(go.adopted.at(-1)).toEqual(credentials("secret")));
    await agreed(service, 2, "secret");
  });
});
