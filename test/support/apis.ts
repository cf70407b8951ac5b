// Loaded beforehand: to compile it on first use would take part of the time that is measured.
import "../../src/store/etcd2/etcd2-store.ts";
import {
  type EtcdAuth,
  type EtcdCluster,
  startEtcd,
  type StartEtcdOptions,
} from "../../src/testing/index.ts";
import { askForPasswordsV2, type EtcdUsers } from "./etcd2-auth.ts";
import { endOf, RawEtcd, type RawRecord } from "./raw-etcd.ts";
import { RawEtcdV2, type RawNode } from "./raw-etcd-v2.ts";
import { watchers } from "./watchers.ts";

/** One of the two APIs of etcd: what is promised of both is tested on each, by the same tests. */
export interface EtcdApi {
  readonly api: 2 | 3;

  /** Starts an etcd that serves it. */
  readonly start: (options?: StartEtcdOptions) => Promise<EtcdCluster>;

  /** The way to an etcd by hand, as root where it asks for a password. */
  raw(etcd: EtcdCluster, rootPassword?: string): RawEtcd | RawEtcdV2;

  /** How many watches an etcd of one member has. A service that is followed takes two. */
  readonly watchers: (etcd: EtcdCluster) => Promise<number>;

  /** Sets users up, and asks for passwords from now on. */
  askForPasswords(etcd: EtcdCluster, auth: EtcdAuth): Promise<EtcdUsers>;

  /** Makes etcd forget the past. */
  forget(etcd: EtcdCluster): Promise<void>;
}

export const apis: readonly EtcdApi[] = [
  {
    api: 3,
    start: startEtcd,
    raw: (etcd) => new RawEtcd(etcd),
    watchers,
    async askForPasswords(etcd, auth) {
      await etcd.enableAuth(auth);
      return {
        changePassword: (user, password) => etcd.changePassword(user, password),
        async allow({ name, permissions }) {
          for (const { access, prefix } of permissions) {
            const range = { key: btoa(prefix), range_end: btoa(endOf(prefix)) };
            const perm = { permType: access.toUpperCase(), ...range };
            await etcd.call("/v3/auth/role/grant", { name, perm });
          }
        },
      };
    },
    forget: (etcd) => etcd.compact(),
  },
  {
    api: 2,
    start: (options = {}) =>
      startEtcd({ ...options, args: ["--enable-v2", ...(options.args ?? [])] }),
    raw: ({ endpoint }, rootPassword) => new RawEtcdV2(endpoint, rootPassword),
    async watchers({ endpoint }) {
      const metrics = await (await fetch(`${endpoint}/metrics`)).text();
      return Number(/^etcd_debugging_store_watchers (\d+)$/m.exec(metrics)?.[1]);
    },
    askForPasswords: askForPasswordsV2,
    forget: (etcd) => fillHistory(new RawEtcdV2(etcd.endpoint)),
  },
];

/** What lies at a key, by either API. */
export interface Seen {
  readonly value: string;

  /** What wrote it last, or prolonged its life. */
  readonly revision: number;

  /** Grows whenever its owner writes it anew; keeping it alive is no such thing. */
  readonly written: number;

  /** The lease it lives by, or `"time"` for one of its own; `"0"`: it stays. */
  readonly life: string;
}

export function seen(record: RawRecord | RawNode | undefined): Seen | undefined {
  if (record === undefined) return undefined;
  if ("lease" in record) {
    const { value, revision, version, lease } = record;
    return { value, revision, written: version, life: lease };
  }
  const { value = "", modifiedIndex, createdIndex, ttl } = record;
  const life = ttl === undefined ? "0" : "time";
  return { value, revision: modifiedIndex, written: createdIndex, life };
}

/** Writes as often as there are events that etcd's v2 API keeps (etcd, Documentation/v2/api.md). */
export async function fillHistory(raw: RawEtcdV2): Promise<void> {
  for (let written = 0; written < 1_000; written += 50) {
    const puts = Array.from({ length: 50 }, (_, index) => raw.put(`/elsewhere/${index}`, ""));
    await Promise.all(puts);
  }
}

/** Whether a test makes sense with this API; if not, says why. */
export function appliesTo({ api }: EtcdApi, only: 2 | 3, test: string, why: string): boolean {
  if (api !== only) console.log(`etcd v${api}, not tested: ${test} (${why})`);
  return api === only;
}
