import { expect } from "vitest";
import type { Discovery, Host, HostEvent, ServiceView } from "../../src/index.ts";
import { sameRecord } from "../../src/find/same-record.ts";
import { hostRecord } from "../../src/model/host.ts";
import { hostsPrefix, infoKey } from "../../src/model/keys.ts";
import { decodeHost, decodeInfo, type HostRecord } from "../../src/model/record.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { collect } from "./collect.ts";
import { eventually } from "./eventually.ts";
import { RawEtcd } from "./raw-etcd.ts";
import { RawEtcdV2 } from "./raw-etcd-v2.ts";

/** Somebody who follows a service in both ways, and can tell whether what was promised was kept. */
export interface Witness extends AsyncDisposable {
  readonly service: string;

  /** All that `subscribe({ existing: true })` told. */
  readonly events: readonly HostEvent[];

  /** All that `changes()` told. */
  readonly views: readonly ServiceView[];

  /** The events in short, such as `up a`, `update a 1`, `down a 1 expired`: the host's id, shard and reason. */
  readonly told: readonly string[];

  /** The hosts that somebody knows who was told only of the events. */
  readonly known: ReadonlyMap<string, Host>;

  /** Resolves when the service was read for the first time. */
  ready(): Promise<void>;

  /**
   * Throws if a promise was broken so far: a host that came twice, changed or went without having
   * come, or changed from something it was not; a view that does not follow from the one before and
   * what is said to be different; a subscription that ended or threw.
   */
  check(): void;

  /**
   * Waits until events, views and etcd say the same, hosts and info, and the views are live; then
   * checks. A record on etcd that cannot be read says nothing. Returns how long it took, in
   * milliseconds.
   */
  agrees(etcd: Pick<EtcdCluster, "call"> | RawEtcdV2, withinMs?: number): Promise<number>;
}

/** Follows a service from now on, until it is disposed of or the discovery is closed. */
export function witness(
  discovery: Pick<Discovery, "subscribe" | "changes"> & { readonly closed?: boolean },
  service: string,
  prefix = "",
): Witness {
  const subscription = discovery.subscribe(service, { existing: true });
  const changes = discovery.changes(service);
  const broken: unknown[] = [];
  const attempt = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      broken.push(error);
    }
  };
  const known = new Map<string, Host>();
  let left = false;
  const events = collect(subscription, (event) => {
    attempt(() => take(known, event));
    return event;
  });
  const views = collect(changes, (view) => {
    attempt(() => assertFollows(view, views.items.at(-1)));
    return view;
  });
  for (const { ended } of [events, views]) {
    void ended.then(
      () => left || discovery.closed || broken.push(new Error("a subscription ended by itself")),
      (error: unknown) => broken.push(error),
    );
  }
  const self: Witness = {
    service,
    events: events.items,
    views: views.items,
    known,
    get told() {
      return events.items.map(inShort);
    },
    async ready() {
      await Promise.all([subscription.waitReady(), changes.waitReady()]);
    },
    check() {
      if (broken.length === 0) return;
      throw new AggregateError(broken, `${String(broken[0])}; ${self.told.join(", ")}`);
    },
    async agrees(etcd, withinMs) {
      const since = performance.now();
      const raw = etcd instanceof RawEtcdV2 ? etcd : new RawEtcd(etcd);
      await eventually(async () => {
        const { hosts, unreadable } = await hostsOn(raw, service, prefix);
        const view = views.items.at(-1);
        expect(view?.freshness.source, "the views").toBe("live");
        const readable = (some: Iterable<Host>) =>
          byId([...some].map(hostRecord).filter(({ uuid }) => !unreadable.has(uuid)));
        expect(readable(known.values()), "as events tell").toEqual(hosts);
        expect(readable(view?.hosts ?? []), "as views tell").toEqual(hosts);
        await assertInfo(raw, view, infoKey(prefix, service));
      }, withinMs);
      self.check();
      return performance.now() - since;
    },
    async [Symbol.asyncDispose]() {
      left = true;
      await Promise.all([subscription.return(), changes.return()]);
    },
  };
  return self;
}

/** One event in short. */
function inShort({ type, host, reason }: HostEvent): string {
  return [type, host.uuid, host.shard, reason].filter(Boolean).join(" ");
}

/** Takes an event into what is known; throws if it does not fit. */
function take(known: Map<string, Host>, event: HostEvent): void {
  const { type, host, previous } = event;
  const before = known.get(host.uuid);
  if (type === "down") known.delete(host.uuid);
  else known.set(host.uuid, host);
  if ((type === "up") !== (before === undefined)) {
    throw new Error(`${inShort(event)}: it was ${before === undefined ? "not known" : "there"}`);
  }
  if (previous !== undefined && before !== undefined && !same(previous, before)) {
    throw new Error(`${inShort(event)}: its previous record is not the one told before`);
  }
}

/** Throws if a view is not what its reader can make of it and the one before. */
function assertFollows(view: ServiceView, before: ServiceView | undefined): void {
  const expected = mapOf(before?.hosts ?? []);
  for (const { uuid } of view.removed) expect(expected.delete(uuid), `removed ${uuid}`).toBe(true);
  for (const host of view.added) {
    expect(expected.has(host.uuid), `added ${host.uuid} twice`).toBe(false);
    expected.set(host.uuid, host);
  }
  for (const host of view.updated) {
    expect(expected.has(host.uuid), `updated ${host.uuid}`).toBe(true);
    expected.set(host.uuid, host);
  }
  const hosts = mapOf(view.hosts);
  expect(hosts.size, "a host is listed twice").toBe(view.hosts.length);
  expect([...hosts.keys()].sort(), "the hosts of a view").toEqual([...expected.keys()].sort());
  for (const [id, host] of hosts) {
    const other = expected.get(id);
    if (other !== undefined && !same(host, other)) throw new Error(`${id} changed unsaid`);
  }
}

async function hostsOn(
  raw: RawEtcd | RawEtcdV2,
  service: string,
  prefix: string,
): Promise<{ readonly hosts: HostRecord[]; readonly unreadable: ReadonlySet<string> }> {
  const start = hostsPrefix(prefix, service);
  const hosts: HostRecord[] = [];
  const unreadable = new Set<string>();
  for (const [key, { value = "" }] of await raw.list(start)) {
    const id = key.slice(start.length);
    if (id === "" || id.includes("/")) continue;
    try {
      hosts.push(decodeHost(Buffer.from(value), service, id));
    } catch {
      unreadable.add(id);
    }
  }
  return { hosts: byId(hosts), unreadable };
}

async function assertInfo(
  raw: RawEtcd | RawEtcdV2,
  view: ServiceView | undefined,
  key: string,
): Promise<void> {
  const stored = await raw.get(key);
  if (stored === undefined) {
    expect(view?.info, "the info").toBeUndefined();
    return;
  }
  let info;
  try {
    info = decodeInfo(Buffer.from(stored.value ?? ""), view?.info?.name ?? "");
  } catch {
    return;
  }
  const { password, ...fields } = info;
  expect(view?.info, "the info").toMatchObject(fields);
  // It lies behind a getter of the prototype.
  expect(view?.info?.password, "the password of the info").toBe(password);
}

const mapOf = (hosts: readonly Host[]): Map<string, Host> =>
  new Map(hosts.map((host) => [host.uuid, host]));

const same = (one: Host, other: Host): boolean => sameRecord(hostRecord(one), hostRecord(other));

const byId = (records: HostRecord[]): HostRecord[] =>
  records.sort((one, other) => (one.uuid < other.uuid ? -1 : 1));
