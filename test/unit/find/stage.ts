export { collect } from "../../support/collect.ts";
import { Turnstile } from "../../../src/async/turnstile.ts";
import type { FindContext, MalformedRecord } from "../../../src/find/find-context.ts";
import type { HostEvent } from "../../../src/find/host-event.ts";
import { Mirrors } from "../../../src/find/mirrors.ts";
import type { Logger } from "../../../src/logger.ts";
import { encodeHost, encodeInfo, type HostRecord } from "../../../src/model/record.ts";
import { Reporter } from "../../../src/reporter.ts";
import type { StoredRecord, WatchBatch } from "../../../src/store/store.ts";
import { type ManualClock, manualClock } from "../../../src/testing/manual-clock.ts";
import { type MemoryStore, memoryStore } from "../../../src/testing/memory-store.ts";

/** Everything that following needs, on a store in this process and a clock that stands still. */
export interface Stage {
  readonly clock: ManualClock;

  /** The operator's access to the store. */
  readonly store: MemoryStore;
  readonly context: FindContext;
  readonly mirrors: Mirrors;
  readonly malformed: MalformedRecord[];
  readonly log: string[];

  /** How many hold the process now. */
  readonly holders: () => number;

  /** Lets everything that is due now happen. */
  settle(): Promise<void>;
}

export const service = "api";

export function makeStage(
  changes: (context: FindContext) => Partial<FindContext> = () => ({}),
): Stage {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const malformed: MalformedRecord[] = [];
  const log: string[] = [];
  let holders = 0;
  const context: FindContext = {
    store: store.connect(),
    timeoutMs: 5_000,
    turnstile: new Turnstile(32),
    logger: recorder(log),
    random: () => 0.5,
    hold: () => {
      holders += 1;
      return () => {
        holders -= 1;
      };
    },
    onMalformed: (record) => malformed.push(record),
    report: new Reporter(),
  };
  const changed = { ...context, ...changes(context) };
  const mirrors = new Mirrors(changed);
  return {
    clock,
    store,
    context: changed,
    mirrors,
    malformed,
    log,
    holders: () => holders,
    settle: () => clock.advance(0),
  };
}

function recorder(log: string[]): Logger {
  const at = (level: string) => (message: string) => void log.push(`${level}: ${message}`);
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** A host's record; what tells versions of it apart is its shard. */
export function hostRecord(id: string, changes: Partial<HostRecord> = {}): HostRecord {
  return {
    uuid: id,
    serviceName: service,
    hostname: `${id}.internal.dev`,
    ports: { http: "80" },
    user: "",
    password: "",
    public: false,
    privateHostname: `${id}.internal.dev`,
    privatePorts: { http: "80" },
    critical: false,
    shard: "",
    draining: false,
    ...changes,
  };
}

export function putHost(store: MemoryStore, id: string, changes: Partial<HostRecord> = {}): void {
  store.put(service, { kind: "host", id }, encodeHost(hostRecord(id, changes)));
}

export function deleteHost(store: MemoryStore, id: string): void {
  store.delete(service, { kind: "host", id });
}

export function putInfo(store: MemoryStore, hostname: string): void {
  const record = { user: "u", password: "p", ports: { http: "80" }, critical: false, public: true };
  store.put(service, { kind: "info" }, encodeInfo({ ...record, name: service, hostname }));
}

/** A record as a store hands it out. */
export function storedHost(
  id: string,
  revision: number,
  changes: Partial<HostRecord> = {},
): StoredRecord {
  return { id, revision, value: encodeHost(hostRecord(id, changes)) };
}

export function putBatch(
  id: string,
  revision: number,
  changes: Partial<HostRecord> = {},
): WatchBatch {
  const stored = storedHost(id, revision, changes);
  return { revision, changes: [{ kind: "put", record: { kind: "host", id }, stored }] };
}

export function deleteBatch(id: string, revision: number): WatchBatch {
  return { revision, changes: [{ kind: "delete", record: { kind: "host", id }, revision }] };
}

/** An event in short: `up a`, `update a:1`, `down a (expired)`; behind the colon the shard. */
export function show({ type, host, reason }: HostEvent): string {
  const version = host.shard === "" ? "" : `:${host.shard}`;
  return `${type} ${host.uuid}${version}${reason === undefined ? "" : ` (${reason})`}`;
}
