import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";

import { type DiscoveryErrorCode, isDiscoveryError } from "../../errors.ts";
import type {
  CallOptions,
  Change,
  Condition,
  Listing,
  Session,
  Store,
  StoredRecord,
  WatchTarget,
  WriteResult,
} from "../../store/store.ts";
import type { StoreContractNeed, SecondClient, StoreUnderTest } from "./subject.ts";
import { WatchRecorder } from "./watch-recorder.ts";

/** Real time after which a condition that was waited for is taken never to come. */
const patienceMs = 20_000;

/** Options of a call that is expected to succeed. */
export const options: CallOptions = { timeoutMs: 10_000 };

/** One sentence of the contract and how to see that it is kept. */
export interface ContractCase {
  readonly name: string;
  readonly needs?: readonly StoreContractNeed[];
  readonly run: (bench: Bench) => Promise<void>;
}

export const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

export const text = (record: StoredRecord | undefined): string | undefined =>
  record === undefined ? undefined : new TextDecoder().decode(record.value);

/** The hosts of a listing as `id=value`. */
export const inWords = (listing: Listing): string[] =>
  listing.hosts.map((host) => `${host.id}=${text(host)}`);

export const putInfo = (value: string): Change => ({ kind: "put-info", value: bytes(value) });

export const putHost = (id: string, value: string, session: Session): Change => ({
  kind: "put-host",
  id,
  value: bytes(value),
  session,
});

export const infoAt = (revision: number): Condition => ({ record: { kind: "info" }, revision });

export const hostAt = (id: string, revision: number): Condition => ({
  record: { kind: "host", id },
  revision,
});

/** The revision of a write that must have been carried out. */
export function applied(result: WriteResult): number {
  assert.ok(result.applied, "the write was not carried out");
  return result.revision;
}

/** The revision of each change of a write that must have been carried out, in their order. */
export function revisionsOf(result: WriteResult, changes: number): number[] {
  const revision = applied(result);
  const revisions = (result.applied ? result.revisions : undefined) ?? [];
  return Array.from({ length: changes }, (_, index) => revisions[index] ?? revision);
}

/** What a write that must not have been carried out found instead. */
export function conflict(result: WriteResult): Listing {
  assert.ok(!result.applied, "the write was carried out");
  return result.current;
}

/** That a promise rejects with a `DiscoveryError`, of one of these codes if any are given. */
export async function rejects(
  promise: Promise<unknown>,
  ...codes: DiscoveryErrorCode[]
): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(isDiscoveryError(error), `not a DiscoveryError: ${String(error)}`);
    if (codes.length > 0) assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    return true;
  });
}

/** What a test works on: an open store, names that nobody else uses, and ways to wait. */
export class Bench {
  readonly subject: StoreUnderTest;
  readonly store: Store;

  /** A service of this test alone. */
  readonly service: string = `contract-${randomBytes(6).toString("hex")}`;
  readonly #stores: Store[];
  readonly #watches: WatchRecorder[] = [];

  constructor(subject: StoreUnderTest) {
    this.subject = subject;
    this.store = subject.store;
    this.#stores = [subject.store];
  }

  /** The first of the needs that cannot be met here. */
  async missing(needs: readonly StoreContractNeed[]): Promise<StoreContractNeed | undefined> {
    for (const need of needs) {
      if (need === "kill") {
        if (!(await this.#canKill())) return need;
      } else if (need === "atomicWrites" || need === "oneRoundTrip" || need === "reasons") {
        if (!this.store.capabilities[need]) return need;
      } else if (this.subject[need] === undefined) return need;
    }
    return undefined;
  }

  async another(): Promise<SecondClient> {
    assert.ok(this.subject.another, "no second client");
    const client = await this.subject.another();
    this.#stores.push(client.store);
    return client;
  }

  session(ttlSeconds = 10, store: Store = this.store): Promise<Session> {
    return store.openSession({ ...options, ttlSeconds });
  }

  write(
    changes: readonly Change[],
    conditions: readonly Condition[] = [],
    service: string = this.service,
  ): Promise<WriteResult> {
    return this.store.write({ service, conditions, changes }, options);
  }

  /** Reads the info and all hosts. */
  read(service: string = this.service, store: Store = this.store): Promise<Listing> {
    return store.read(service, { info: true, hosts: "all" }, options);
  }

  watch(
    from: number,
    part: WatchTarget["part"] = "all",
    recorder: WatchRecorder = new WatchRecorder(),
    service: string = this.service,
  ): WatchRecorder {
    recorder.follow(this.store.watch({ service, part, from }, recorder));
    this.#watches.push(recorder);
    return recorder;
  }

  /** Waits until a condition holds. */
  async until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + patienceMs;
    while (!(await condition())) {
      assert.ok(performance.now() < deadline, `in vain waited until ${what}`);
      await this.tick();
    }
  }

  tick(): Promise<unknown> {
    return this.subject.tick?.() ?? sleep(5);
  }

  /** Closes all stores and checks that no watch has told anything that it must not. */
  async close(): Promise<void> {
    for (const store of this.#stores) await store.close();
    for (const recorder of this.#watches) recorder.expectSilence("after the store was closed");
    await this.tick();
    await this.subject.release?.();
    assert.deepEqual(
      this.#watches.flatMap((recorder) => recorder.faults),
      [],
    );
  }

  async #canKill(): Promise<boolean> {
    if (this.subject.another === undefined) return false;
    return (await this.another()).kill !== undefined;
  }
}
