import { abortable } from "../async/abort.ts";
import type { CancelTimer } from "../async/clock.ts";
import { isDiscoveryError } from "../errors.ts";
import type { Session, StoredRecord, WatchChange } from "../store/store.ts";
import { Comparison, infoId } from "./comparison.ts";
import type { Credentials } from "./credentials.ts";
import type { Entry } from "./entry.ts";
import { judge, observe } from "./judge.ts";
import { takeOff } from "./leaving.ts";
import { OwnRecords } from "./own-records.ts";
import { settled, writePrivateHosts } from "./private-hosts.ts";
import { type Rotation, rotate, writePublicHosts } from "./public-hosts.ts";
import { ReconcileLoop } from "./reconcile-loop.ts";
import type { KeeperContext } from "./register-context.ts";
import { asDiscoveryError, closed, isDenied, overtakenAgain } from "./registration-errors.ts";
import { type SeenInfo, seenInfo, serves } from "./seen-info.ts";
import { Settling } from "./settling.ts";
import { SupersededCredentials } from "./superseded-credentials.ts";

/** How long to wait before asking again for a watch that was refused. */
const refusedMs = 1_000;

/** A foreign write of a record is undone at most this often. */
const undoEveryMs = 1_000;

/**
 * Keeps all hosts that this process has registered under one service: brings what is on the store
 * in line with what is wanted, and takes over what others change of the credentials. One step
 * after the other, so that nothing in flight can cross with what comes after it.
 */
export class ServiceKeeper {
  readonly service: string;
  readonly context: KeeperContext;

  /** The info as last seen; undefined as long as nobody has looked. */
  info: SeenInfo | undefined;

  /** What all public hosts of the service share, as far as it is known here. */
  credentials: Credentials | undefined;

  /** The info is being written: news of it may be older than the answer, or be that of this very write. */
  writingInfo = false;

  readonly #entries = new Map<string, Entry>();
  readonly #onEmpty: () => void;
  readonly #loop: ReconcileLoop;
  readonly #records: OwnRecords;
  readonly #comparison: Comparison;
  readonly #rotations: Rotation[] = [];
  readonly #superseded = new SupersededCredentials();
  #verify = false;
  #failing = false;

  /** Whether a write of this step was refused, and how many steps in a row had one that was. */
  #refused = false;
  #refusals = 0;
  #verifiedAt = 0;
  readonly #settling: Settling;
  #undoTimer: CancelTimer | undefined;

  constructor(service: string, context: KeeperContext, onEmpty: () => void) {
    this.service = service;
    this.context = context;
    this.#onEmpty = onEmpty;
    this.#settling = new Settling(context.store.clock);
    this.#loop = new ReconcileLoop({
      clock: context.store.clock,
      step: (interrupted) => this.#fittingStep(interrupted),
      onFailure: (error) => this.#failed(error),
    });
    this.#records = new OwnRecords(context.store, service, {
      changed: (change) => this.#observe(change),
      found: () => this.#comparison.found(),
      lost: () => this.#comparison.lost(),
      ended: (reason, error) => {
        context.logger.info("looking at own records again", {
          service,
          reason,
          error: error.message,
        });
        this.#verify = true;
        if (reason !== "refused") this.#loop.wake();
        else context.store.clock.setTimeout(() => this.#loop.wake(), refusedMs);
      },
    });
    this.#comparison = new Comparison(this, (ids) => this.#repair(ids));
  }

  add(entry: Entry): void {
    this.#entries.set(entry.uuid, entry);
    this.#comparison.start();
    this.#loop.wake();
  }

  /** A write was refused, as what is on the store is not what is known of it: the next step looks before it writes. */
  lookAgain(): void {
    this.#refused = true;
    this.#verify = true;
    this.#loop.wake();
  }

  /** Something of an entry has changed. */
  wake(): void {
    this.#loop.wake();
  }

  /** An entry has ended, or is to be withdrawn: nothing else may keep it waiting, nor whoever waits for what it wanted. */
  end(): void {
    for (const { entry, reject } of this.#rotations) {
      if (entry.ending) reject(closed(this.service));
    }
    this.#loop.interrupt();
  }

  rotate(rotation: Rotation): void {
    this.#rotations.push(rotation);
    this.#loop.wake();
  }

  /** A session is gone, and with it all that was written under it. */
  lose(session: Session, cause: Error): void {
    const error = asDiscoveryError(cause);
    for (const entry of this.#entries.values()) if (entry.session === session) entry.lose(error);
    this.#loop.wake();
  }

  /** A host's record lives by a session that was replaced. Returns whether the host is known here. */
  rewrite(id: string): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    entry.dirty = true;
    this.#loop.wake();
    return true;
  }

  /** A session could not be opened. */
  fail(error: Error): void {
    const reported = asDiscoveryError(error);
    for (const entry of this.#entries.values()) if (entry.dirty) entry.fail(reported);
    if (!isDenied(reported)) return;
    for (const rotation of this.#rotations.splice(0)) rotation.reject(reported);
  }

  /** Stops at once, and leaves what is on the store to the session. */
  close(): void {
    this.#loop.close();
    this.#records.close();
    this.#comparison.close();
    this.#settling.cancel();
    this.#undoTimer?.();
    for (const entry of [...this.#entries.values()]) this.forget(entry);
  }

  /** The entries that have not ended, in the order of their registration. */
  members(isPublic: boolean): Entry[] {
    return [...this.#entries.values()].filter(
      (entry) => !entry.ending && entry.public === isPublic,
    );
  }

  /** Those of them that are to be on the store. */
  wanted(isPublic: boolean): Entry[] {
    return this.members(isPublic).filter((entry) => !entry.withheld);
  }

  /** Those of them that have to be written now. */
  due(isPublic: boolean): Entry[] {
    const now = this.context.store.clock.now();
    return this.wanted(isPublic).filter((entry) => {
      if (!entry.dirty) return false;
      // Compared as the timer reckons it, or a moment that is lost in rounding would never pass.
      const dueAt = (entry.undoneAt ?? -Infinity) + undoEveryMs;
      if (now >= dueAt) return true;
      this.#undoTimer ??= this.context.store.clock.setTimeout(() => {
        this.#undoTimer = undefined;
        this.#loop.wake();
      }, dueAt - now);
      return false;
    });
  }

  /** Takes note of the info as it is now, and of the credentials that it announces. */
  see(stored: StoredRecord | undefined, at: number): SeenInfo {
    const { service } = this;
    const info = seenInfo(service, stored, at, (error) =>
      this.context.onMalformed({ service, kind: "info", id: service, error }),
    );
    // Of a history that was put back to where it was before the credentials were changed.
    const isPast =
      info.revision < (this.info?.revision ?? 0) &&
      info.record !== undefined &&
      this.#superseded.includes(info.record);
    this.info = isPast ? { ...info, record: undefined } : info;
    if (serves(this.info, this.credentials, this.members(true))) this.adopt(this.info.record);
    return this.info;
  }

  /** Somebody is changing the info: until it has settled nothing is written that depends on it. */
  get unsettled(): boolean {
    return this.#settling.pending;
  }

  /** Takes note of the info, as {@link see}, once nothing newer has been heard of for a moment. */
  settle(stored: StoredRecord | undefined, revision: number): void {
    if (stored !== undefined && this.info?.value !== undefined && !this.unsettled) {
      // A repair has touched it: the very same info.
      if (Buffer.compare(stored.value, this.info.value) === 0) {
        this.info = { ...this.info, revision: stored.revision, seenAt: stored.revision };
        return;
      }
    }
    const known = this.info;
    this.#settling.restart(revision, () => {
      if (this.writingInfo) {
        this.settle(stored, revision);
        return;
      }
      // Something newer may have been written, or read, meanwhile.
      const outdated = this.info !== known && (this.info?.revision ?? 0) >= revision;
      if (!outdated) this.see(stored, revision);
      this.#loop.wake();
    });
  }

  /** From now on these are the credentials of all public hosts here, but of those yet to announce their own. */
  adopt({ user, password }: Credentials, by?: Entry): void {
    const credentials = { user, password };
    this.#superseded.note(this.credentials, credentials);
    this.credentials = credentials;
    for (const entry of this.members(true)) {
      const isNew = entry.announces && !entry.registered;
      if (isNew && (by === undefined || entry.withheld)) continue;
      if (!entry.setCredentials(credentials) || entry === by) continue;
      if (entry.registered || entry.announces) entry.emit("credentials", credentials);
    }
  }

  async #fittingStep(interrupted: AbortSignal): Promise<boolean> {
    try {
      this.#refused = false;
      const more = await this.#step(interrupted);
      this.#refusals = this.#refused ? this.#refusals + 1 : 0;
      // Whoever has looked and is refused all the same had better wait a moment.
      if (this.#refusals > 1) throw overtakenAgain(this.service);
      this.#failing = false;
      return more;
    } catch (error) {
      const refused = isDiscoveryError(error, "INVALID_ARGUMENT");
      if (refused && this.context.writeSize.halve()) return true;
      throw error;
    }
  }

  async #step(interrupted: AbortSignal): Promise<boolean> {
    const leaving = [...this.#entries.values()].filter((entry) => entry.leaving);
    if (leaving.length > 0) await takeOff(this, leaving).finally(() => this.#follow());
    if (this.#verify) await this.#compare();
    for (const entry of this.#entries.values()) judge(entry, this.context);
    // One whose first write had no answer may have been found on the store with older ones.
    if (this.credentials !== undefined) this.adopt(this.credentials);
    if (!this.#hasWork()) {
      // One whose first write had no answer may have been found on the store.
      this.#follow();
      return false;
    }
    const session = await abortable(this.context.openSession(), interrupted);
    try {
      await settled([writePublicHosts(this, session), writePrivateHosts(this, session)]);
      const rotation = this.#nextRotation();
      if (rotation !== undefined && (await rotate(this, session, rotation))) rotation.over = true;
      this.#follow();
      return this.#hasWork();
    } catch (error) {
      // It may have been carried out all the same, so the next step looks before it writes.
      this.#verify = true;
      throw error;
    }
  }

  #hasWork(): boolean {
    for (let i = this.#rotations.length - 1; i >= 0; i -= 1) {
      if (this.#rotations[i]?.over === true) this.#rotations.splice(i, 1);
    }
    if (this.due(false).length > 0) return true;
    if (
      [...this.#entries.values()].some((entry) => entry.observed !== undefined || entry.leaving)
    ) {
      return true;
    }
    if (this.#nextRotation() !== undefined) return true;
    const { info } = this;
    const publicHosts = this.wanted(true);
    if (publicHosts.length === 0) {
      return info !== undefined && info.value === undefined && this.wanted(false).length > 0;
    }
    if (this.unsettled) return false;
    if (this.due(true).length > 0) return true;
    return info !== undefined && !serves(info, this.credentials, publicHosts);
  }

  /** The first that can be carried out now. One of a host that never was on the store waits for that. */
  #nextRotation(): Rotation | undefined {
    if (this.unsettled) return undefined;
    return this.#rotations.find(({ entry, over }) => !over && (entry.registered || entry.ending));
  }

  /** Nothing of this entry is, or can come, on the store any more. */
  forget(entry: Entry): void {
    if (!this.#entries.delete(entry.uuid)) return;
    entry.markGone();
    if (this.#entries.size === 0) this.#onEmpty();
  }

  /** Compares the store with what is known of it, after something may have been missed. */
  async #compare(): Promise<void> {
    const attempted = [...this.#entries.values()].filter(
      (entry) => entry.session !== undefined || entry.absentAt !== undefined,
    );
    const ids = attempted.map((entry) => entry.uuid);
    const { store, timeoutMs, writeSize } = this.context;
    // What is read is newer than all news so far, or of another history. Whatever ends a watch
    // meanwhile asks for another look.
    this.#settling.cancel();
    this.#verify = false;
    const listing = await store
      .read(
        this.service,
        { info: true, hosts: ids.length > writeSize.hosts ? "all" : ids },
        { timeoutMs },
      )
      .catch((error: unknown) => {
        this.#verify = true;
        throw error;
      });
    this.#verifiedAt = listing.revision;
    this.see(listing.info, listing.revision);
    observe(attempted, listing);
    this.#follow();
  }

  /** The store has changed records without a word, so its watches are not to be trusted either. */
  #repair(ids: ReadonlySet<string>): void {
    const { context, service } = this;
    context.logger.warn("own records changed unnoticed; looking again", { service, ids: [...ids] });
    context.report.drifted(service, "registered", ids.size);
    for (const entry of this.#entries.values()) {
      if (ids.has(entry.uuid) || ids.has(infoId)) entry.driftRepaired += 1;
    }
    this.#records.close();
    this.#verify = true;
    this.#loop.wake();
  }

  #observe({ record, ...change }: WatchChange): void {
    const stored = "stored" in change ? change.stored : undefined;
    const revision = stored?.revision ?? ("revision" in change ? change.revision : 0);
    if (record.kind === "host") {
      const entry = this.#entries.get(record.id);
      if (entry === undefined || revision <= entry.knownAt) return;
      entry.observed = { revision, value: stored?.value.slice() };
      this.#loop.wake();
      return;
    }
    if (revision <= (this.info?.revision ?? 0)) return;
    if (revision > this.#settling.revision) this.settle(stored, revision);
  }

  #follow(): void {
    // What is known may be of another history, whose revisions say nothing here.
    if (this.#verify) return;
    if (this.info === undefined || this.#entries.size === 0) return;
    const hosts = new Map<string, number>();
    for (const { absentAt, ending, knownAt, stored, uuid } of this.#entries.values()) {
      // Those withdrawn, too: a write that had no answer may bring one back.
      if (!ending && (stored ?? absentAt) !== undefined) {
        hosts.set(uuid, Math.max(knownAt, this.#verifiedAt));
      }
    }
    this.#records.follow(Math.max(this.info.seenAt, this.#verifiedAt), hosts);
  }

  #failed(error: Error): void {
    this.fail(error);
    // One warning an outage, however long it takes.
    const level = this.#failing ? "debug" : "warn";
    this.#failing = true;
    this.context.logger[level](
      "could not bring registrations in line with the store; trying again",
      { service: this.service, error: error.message },
    );
  }
}
