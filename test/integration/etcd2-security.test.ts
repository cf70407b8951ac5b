import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ChannelTls } from "../../src/store/etcd/tls.ts";
import { type EtcdCluster, startEtcd } from "../../src/testing/index.ts";
import { type Certificates, makeCertificates } from "../support/certificates.ts";
import { clientOf, patiently, reasonOf, record } from "../support/etcd2-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const args = ["--enable-v2"];
const get = (key: string) => ({ method: "GET", key }) as const;
const put = (key: string, value: string) =>
  ({ method: "PUT", key, parameters: { value } }) as const;

describe("TLS", () => {
  let certificates: Certificates;
  let plain: EtcdCluster;
  let strict: EtcdCluster;

  beforeAll(async () => {
    certificates = await makeCertificates();
    const { cert, key } = certificates.server;
    const ca = certificates.ca.cert;
    [plain, strict] = await Promise.all([
      startEtcd({ args, tls: { cert, key } }),
      startEtcd({ args, tls: { cert, key, ca, clientCertAuth: true } }),
    ]);
  });

  afterAll(() => Promise.all([plain, strict].map((etcd) => etcd.stop())));

  async function unavailable(etcd: EtcdCluster, tls: ChannelTls): Promise<string> {
    await using client = clientOf(etcd.endpoints, { tls });
    const error = await reasonOf(client.call("read", get("/"), { ...patiently, timeoutMs: 500 }));
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    return String(error);
  }

  test("an authority alone, by which calls and polls know etcd", async () => {
    await using client = clientOf(plain.endpoints, { tls: { ca: certificates.ca.cert } });
    const { index } = await client.call("write", put("/a", "v"), patiently);
    using poll = record(client, { key: "/a", recursive: true, from: index + 1 });
    await eventually(() => poll.opened.length === 1);
    await client.call("write", put("/a", "w"), patiently);
    await eventually(() => poll.events.length === 1);
    expect(client.status.endpoint).toMatch(/^https:/);
  });

  test("a client certificate from files, which are read again at each new connection", async () => {
    await using folder = await temporaryFolder();
    const { ca, client: own, wrongCa } = certificates;
    const file = async (name: string, pem: string): Promise<{ file: string }> => {
      const path = join(folder.path, name);
      await writeFile(path, pem);
      return { file: path };
    };
    const tls = {
      ca: await file("ca.pem", wrongCa.cert),
      cert: await file("cert.pem", own.cert),
      key: await file("key.pem", own.key),
    };
    await using client = clientOf(strict.endpoints, { tls });
    const shortly = { ...patiently, timeoutMs: 500 };
    const error = await reasonOf(client.call("read", get("/"), shortly));
    expect(error).toMatchObject({ code: "UNAVAILABLE", cause: { neverSent: true } });
    await file("ca.pem", ca.cert);
    await eventually(() => client.call("read", get("/"), shortly));
  });

  test("files that cannot be read make etcd unavailable, and harm nothing else", async () => {
    await using folder = await temporaryFolder();
    const ca = { file: join(folder.path, "ca.pem") };
    expect(await unavailable(plain, { ca })).toContain("ca.pem");
    await using client = clientOf(plain.endpoints, { tls: { ca } });
    // More than there are connections, so that some have to wait for theirs.
    const calls = Array.from({ length: 100 }, () =>
      reasonOf(client.call("read", get("/"), { ...patiently, timeoutMs: 1_500 })),
    );
    using poll = record(client, { key: "/a", recursive: true, from: 1 });
    for (const error of await Promise.all(calls)) {
      expect(error).toMatchObject({ code: "UNAVAILABLE" });
    }
    await writeFile(ca.file, certificates.ca.cert);
    await eventually(() => client.call("read", get("/"), patiently));
    await eventually(() => poll.opened.length + poll.ends.length > 0);
  });

  test("another authority's certificate, or one for another name, is not trusted", async () => {
    expect(await unavailable(plain, { ca: certificates.wrongCa.cert })).toMatch(/certificate/);
    const tls = { ca: certificates.ca.cert, servername: "elsewhere.test" };
    await unavailable(plain, tls);
  });

  test("without the client certificate that etcd asks for, nothing goes", async () => {
    await unavailable(strict, { ca: certificates.ca.cert });
  });
});

describe("users", () => {
  let etcd: EtcdCluster;
  let root: RawEtcdV2;

  beforeAll(async () => {
    etcd = await startEtcd({ args });
    root = await new RawEtcdV2(etcd.endpoint).enableAuth("r00t");
    await change("roles/team", { role: "team" });
    // Following a directory takes a right to the directory itself, which `/team/*` is not.
    const team = { read: ["/team*"], write: ["/team/*"] };
    await change("roles/team", { role: "team", grant: { kv: team } });
    await change("users/app", { user: "app", password: "old" });
    await change("users/app", { user: "app", grant: ["team"] });
    await root.put("/team/a", "v");
    await root.put("/other/a", "v");
  });

  afterAll(() => etcd.stop());

  /** As root. */
  async function change(path: string, body: object): Promise<void> {
    const authorization = `Basic ${Buffer.from("root:r00t").toString("base64")}`;
    const response = await fetch(`${etcd.endpoint}/v2/auth/${path}`, {
      method: "PUT",
      headers: { authorization, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  }

  test("reads, writes and follows what its roles reach, and is denied all else by name", async () => {
    await using client = clientOf(etcd.endpoints, {
      user: { username: "app", password: "old" },
    });
    const { index } = await client.call('write "/team/b"', put("/team/b", "v"), patiently);
    using poll = record(client, { key: "/team", recursive: true, from: index + 1 });
    await eventually(() => poll.opened.length === 1);
    await root.put("/team/c", "w");
    await eventually(() => poll.events.length === 1);
    for (const request of [get("/other/a"), put("/other/b", "v"), put("/team", "v")]) {
      const what = `reach "${request.key}"`;
      const error = await reasonOf(client.call(what, request, patiently));
      expect(error).toMatchObject({ code: "PERMISSION_DENIED" });
      expect(String(error)).toContain(`"${request.key}"`);
    }
    using denied = record(client, { key: "/other", recursive: true, from: index + 1 });
    await eventually(() => denied.ends.length === 1);
    expect(denied.ends[0]).toMatchObject({ code: "PERMISSION_DENIED" });
    expect(String(denied.ends[0])).toContain('"/other"');
    expect(client.status.endpoint).toBe(etcd.endpoint);
    expect(poll.ends).toEqual([]);
  });

  test("who gives no user, another, or a wrong password is unauthenticated; that etcd serves shows all the same", async () => {
    for (const user of [
      undefined,
      { username: "app", password: "wr0ng" },
      { username: "nobody", password: "old" },
    ]) {
      await using client = clientOf(etcd.endpoints, { user });
      await client.reach(patiently);
      const error = await reasonOf(client.call("read", get("/team/a"), patiently));
      expect(error).toMatchObject({ code: "UNAUTHENTICATED", retryable: false });
      expect(String(error)).toContain("Insufficient credentials");
      expect(String(error)).not.toContain("wr0ng");
    }
  });

  test("a password that was changed is asked for once, by all calls together", async () => {
    let password = "old";
    let asked = 0;
    await using client = clientOf(etcd.endpoints, {
      user: async () => {
        asked += 1;
        return { username: "app", password };
      },
    });
    await client.call("read", get("/team/a"), patiently);
    await change("users/app", { user: "app", password: "new" });
    password = "new";
    // Few, and no poll, for etcd takes long to check a password.
    const calls = [1, 2, 3].map(() => client.call("read", get("/team/a"), patiently));
    await Promise.all(calls);
    expect(asked).toBe(2);
  }, 60_000);
});
