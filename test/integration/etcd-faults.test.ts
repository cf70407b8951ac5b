import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type EtcdAuth,
  type EtcdBackup,
  type EtcdCluster,
  type EtcdMember,
  startEtcd,
} from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";

/** What a throwaway etcd can be made to suffer, as its clients see it. */

interface Answer {
  readonly header: { readonly cluster_id: string; readonly revision: string };
  readonly kvs?: readonly { readonly value: string }[];
  readonly leader?: string;
  readonly dbSize?: string;
  readonly ID?: string;
  readonly result?: { readonly TTL?: string };
}

const quick = ["--heartbeat-interval=20", "--election-timeout=200"];
const answerMs = 10_000;

async function ask(
  { endpoint }: Pick<EtcdMember, "endpoint">,
  path: string,
  body: object = {},
  { timeoutMs = answerMs, token }: { timeoutMs?: number; token?: string } = {},
): Promise<Answer> {
  const response = await fetch(endpoint + path, {
    method: "POST",
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
    headers: token === undefined ? {} : { authorization: token },
  });
  if (!response.ok) throw new Error(await response.text());
  // The first message is all that is waited for: a stream does not end by itself.
  for await (const message of response.body ?? []) {
    return JSON.parse(Buffer.from(message as Uint8Array).toString()) as Answer;
  }
  throw new Error(`no answer to ${path}`);
}

const put = (member: EtcdMember, value: string, lease?: string) =>
  ask(member, "/v3/kv/put", { key: btoa("a"), value: btoa(value), lease });

const range = (member: EtcdMember, options: object = {}, timeoutMs?: number) =>
  ask(
    member,
    "/v3/kv/range",
    { key: btoa("a"), ...options },
    timeoutMs === undefined ? {} : { timeoutMs },
  );

const get = async (member: EtcdMember) => atob((await range(member)).kvs?.[0]?.value ?? "");

const renew = async (member: EtcdMember, lease: string, timeoutMs = answerMs) => {
  const { result } = await ask(member, "/v3/lease/keepalive", { ID: lease }, { timeoutMs });
  return Number(result?.TTL ?? 0);
};

const grant = async (member: EtcdMember, ttlSeconds: number) =>
  (await ask(member, "/v3/lease/grant", { TTL: String(ttlSeconds) })).ID ?? "";

const named = async (member: EtcdMember) => (await ask(member, "/v3/maintenance/status")).leader;

/** By nobody in time, or by a member that says that it cannot. */
async function expectUnanswered(questions: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(questions)) {
    expect(String(result.status === "rejected" && result.reason)).toMatch(
      /timeout|timed out|no leader/,
    );
  }
}

describe("a cluster that can be partitioned", () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    // Not quicker: on a busy machine there would be elections that nobody has brought about.
    const args = ["--heartbeat-interval=60", "--election-timeout=600"];
    etcd = await startEtcd({ size: 3, partitionable: true, args });
  });
  afterAll(() => etcd.stop());

  const others = (but: EtcdMember): [EtcdMember, EtcdMember] => {
    const [first, second] = etcd.members.filter((member) => member !== but);
    if (first === undefined || second === undefined) throw new Error("too few members");
    return [first, second];
  };

  test("hands its leadership on, and all members know of it", async () => {
    const first = await etcd.leader();
    expect(etcd.members).toContain(first);
    await etcd.moveLeader();
    const second = await etcd.leader();
    expect(second).not.toBe(first);
    const idOfSecond = await named(second);
    await etcd.moveLeader(first);
    expect(await etcd.leader()).toBe(first);
    const names = await Promise.all(etcd.members.map(named));
    expect(new Set(names).size).toBe(1);
    expect(names[0]).not.toBe(idOfSecond);
    await etcd.moveLeader(first);
    expect(await etcd.leader()).toBe(first);
  });

  test("an isolated leader loses its leadership, and the others go on without it", async () => {
    const leader = await etcd.leader();
    const [other] = others(leader);
    const lease = await grant(leader, 60);
    await put(leader, "before");
    leader.isolate();
    const next = await eventually(async () => {
      const now = await etcd.leader();
      return now !== leader && now;
    }, 15_000);
    expect(etcd.members).toContain(next);
    await eventually(async () => (await named(leader)) === undefined, 15_000);
    await put(other, "meanwhile");
    expect(await renew(other, lease)).toBe(60);

    await expectUnanswered([range(leader, {}, 1_000), renew(leader, lease, 1_000)]);
    const stale = await range(leader, { serializable: true });
    expect(atob(stale.kvs?.[0]?.value ?? "")).toBe("before");
    // By a member that can answer.
    expect((await etcd.call("/v3/kv/range", { key: btoa("a") }))["count"]).toBe("1");

    leader.rejoin();
    expect(await eventually(() => get(leader), 15_000)).toBe("meanwhile");
    expect(await renew(leader, lease)).toBe(60);
  });

  test("an isolated follower can neither read nor renew a lease, and the others go on", async () => {
    const leader = await etcd.leader();
    const [follower, other] = others(leader);
    const lease = await grant(leader, 60);
    await put(follower, "before");
    follower.isolate();
    await put(leader, "meanwhile");
    expect(await get(other)).toBe("meanwhile");
    await expectUnanswered([range(follower, {}, 1_000), renew(follower, lease, 1_000)]);
    const stale = await range(follower, { serializable: true });
    expect(atob(stale.kvs?.[0]?.value ?? "")).toBe("before");
    follower.rejoin();
    expect(await eventually(() => get(follower), 15_000)).toBe("meanwhile");
  });

  test("without any two members together nothing is written", async () => {
    await put(etcd, "before");
    etcd.isolate();
    const lost = { key: btoa("a"), value: btoa("lost") };
    await expectUnanswered(
      etcd.members.map((member) => ask(member, "/v3/kv/put", lost, { timeoutMs: 1_000 })),
    );
    etcd.rejoin();
    // What is asked during an election may get lost.
    await eventually(() => put(etcd, "after"), 15_000);
  });

  test("a member that was killed can come back into it", async () => {
    const leader = await etcd.leader();
    await leader.kill();
    const next = await etcd.leader();
    expect(next).not.toBe(leader);
    await put(next, "meanwhile");
    await leader.restart();
    expect(await get(leader)).toBe("meanwhile");
  });
});

describe("an older state", () => {
  test.each([1, 3])(
    "comes back, with %i members, and nobody noticed that it was kept",
    async (size) => {
      await using etcd = await startEtcd({ size, args: quick });
      const lease = await grant(etcd, 600);
      await put(etcd, "old", lease);
      const pids = etcd.members.map(({ pid }) => pid);
      const backup = await etcd.backup();
      expect(etcd.members.map(({ pid }) => pid)).toEqual(pids);
      const { cluster_id, revision } = (await range(etcd)).header;
      const before = { cluster_id, revision };
      expect(String(backup.revision)).toBe(revision);

      for (const value of ["new", "newer", "newest"]) await put(etcd, value);
      await ask(etcd, "/v3/lease/revoke", { ID: lease });
      expect(await get(etcd)).toBe("newest");

      for (let times = 1; times <= 2; times += 1) {
        await etcd.restore(backup);
        for (const member of etcd.members) {
          expect(await get(member)).toBe("old");
          expect((await range(member)).header).toMatchObject(before);
        }
        expect(await renew(etcd, lease)).toBe(600);
        await put(etcd, "again");
      }
    },
  );

  test("has the users of its time", async () => {
    await using etcd = await startEtcd({ args: quick });
    const open = await etcd.backup();
    await etcd.enableAuth({ rootPassword: "first" });
    const first = await etcd.backup();
    await etcd.changePassword("root", "second");
    await etcd.restore(first);
    await expect(put(etcd, "x")).rejects.toThrow("user name is empty");
    await etcd.compact();
    await etcd.restore(open);
    await put(etcd, "x");
    await etcd.compact();
  });
});

describe("passwords on a running etcd", () => {
  const signIn = async (etcd: EtcdCluster, name: string, password: string): Promise<string> => {
    const answer = await ask(etcd, "/v3/auth/authenticate", { name, password });
    return (answer as unknown as { token: string }).token;
  };

  test("are asked for from then on, and can be changed", async () => {
    await using etcd = await startEtcd({ args: quick });
    await put(etcd, "x");
    const auth: EtcdAuth = {
      rootPassword: "root-1",
      roles: [{ name: "all", permissions: [{ access: "readwrite", prefix: "" }] }],
      users: [{ name: "ann", password: "ann-1", roles: ["all"] }],
    };
    await etcd.enableAuth(auth);
    await expect(put(etcd, "y")).rejects.toThrow("user name is empty");
    const token = await signIn(etcd, "ann", "ann-1");
    const read = (as: string) => ask(etcd, "/v3/kv/range", { key: btoa("a") }, { token: as });
    expect((await read(token)).kvs).toHaveLength(1);

    await etcd.changePassword("ann", "ann-2");
    await expect(read(token)).rejects.toThrow("invalid auth token");
    await expect(signIn(etcd, "ann", "ann-1")).rejects.toThrow("authentication failed");
    expect((await read(await signIn(etcd, "ann", "ann-2"))).kvs).toHaveLength(1);

    await etcd.changePassword("root", "root-2");
    await etcd.compact();
    await expect(etcd.enableAuth(auth)).rejects.toThrow("auth: this etcd asks for a password");

    await etcd.wipe();
    await expect(signIn(etcd, "ann", "ann-1")).rejects.toThrow("authentication failed");
    await signIn(etcd, "ann", "ann-2");
    await signIn(etcd, "root", "root-2");
  });
});

describe("a single etcd", () => {
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ args: quick });
  });
  afterAll(() => etcd.stop());

  test("is its own leader, and cannot hand that on", async () => {
    expect(await etcd.leader()).toBe(etcd.members[0]);
    await expect(etcd.moveLeader()).rejects.toThrow("to: there is no other member that serves");
    await expect(etcd.moveLeader(etcd)).rejects.toThrow("to: is no member of this etcd");
  });

  test("that cannot be partitioned says by which option it could", async () => {
    for (const each of [etcd, ...etcd.members]) {
      for (const method of ["isolate", "rejoin"] as const) {
        expect(() => each[method]()).toThrow(
          expect.objectContaining({
            code: "INVALID_ARGUMENT",
            message: expect.stringMatching(/^partitionable: must be true/) as string,
          }) as Error,
        );
      }
    }
    expect(() => startEtcd({ partitionable: 1 as unknown as boolean })).toThrow("partitionable");
  });

  test("refuses a backup that is not its own", async () => {
    await using other = await startEtcd({ args: quick });
    const foreign = await other.backup();
    for (const backup of [foreign, undefined, {}] as EtcdBackup[]) {
      await expect(etcd.restore(backup)).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: "backup: is none that this etcd made",
      });
    }
    await put(etcd, "x");
  });

  test("refuses passwords that are none", async () => {
    for (const auth of [undefined, "secret", {}, { rootPassword: "" }]) {
      await expect(etcd.enableAuth(auth as EtcdAuth)).rejects.toThrow(/^auth(\.rootPassword)?: /);
    }
    expect(() => startEtcd({ auth: {} as EtcdAuth })).toThrow("auth.rootPassword: ");
    await expect(etcd.changePassword("root", "")).rejects.toThrow("password: ");
    await expect(etcd.changePassword("", "x")).rejects.toThrow("user: ");
    await expect(etcd.changePassword("nobody", "x")).rejects.toThrow("user name not found");
    await put(etcd, "x");
  });

  test("gives space back when it is defragmented", async () => {
    for (let index = 0; index < 20; index += 1) await put(etcd, "x".repeat(100_000));
    await etcd.compact();
    const size = async () => Number((await ask(etcd, "/v3/maintenance/status")).dbSize);
    const before = await size();
    await etcd.defragment();
    expect(await size()).toBeLessThan(before / 2);
  });
});
