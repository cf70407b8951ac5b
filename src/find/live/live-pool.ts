import { optionalSignal, signalOf, type WaitOptions } from "../../arguments.ts";
import { abortable, onAbort } from "../../async/abort.ts";
import type { CancelTimer } from "../../async/clock.ts";
import { isDiscoveryError } from "../../errors.ts";
import type { Host } from "../../model/host.ts";
import { kindOf, quote, refuse } from "../../model/refuse.ts";
import type { FindContext } from "../find-context.ts";
import type { Follower } from "../follower.ts";
import type { Freshness } from "../freshness.ts";
import type { Mirror } from "../mirror.ts";
import { Readiness } from "../readiness.ts";
import { Announcements, type LivePoolEvents } from "./announcements.ts";
import { Ejections } from "./ejections.ts";
import { during, HostUse } from "./host-use.ts";
import { Knowledge } from "./knowledge.ts";
import type { LiveSettings } from "./live-options.ts";
import type { Member } from "./member.ts";
import { Members } from "./members.ts";
import { checkPick, type PickOptions, type UseOptions } from "./pick-options.ts";
import { Selection } from "./selection.ts";
import type { Snapshot } from "./snapshot-file.ts";
import { Snapshots } from "./snapshots.ts";
import { Suspects } from "./suspects.ts";
import { ended, nobody, notReady, tooOld } from "./unpickable.ts";

/** What a live pool needs of its `Discovery`. */
export interface LiveContext extends FindContext {
  /** Follows a service; returns the undo. */
  readonly follow: (service: string, follower: Follower) => () => void;

  /** The pool has ended. */
  readonly ended: (pool: LivePool) => void;
}

/** How long a pool that has a snapshot waits for etcd before it is ready all the same. */
const patienceMs = 1_000;

/** Errors after which waiting is of no use, as somebody has to do something. */
const refusals = ["UNAUTHENTICATED", "PERMISSION_DENIED"] as const;

/**
 * The hosts of a service, kept in memory and up to date, and a pick among them that asks nobody. It
 * goes on with the hosts known last while etcd is away, and never keeps the process alive.
 */
export class LivePool implements AsyncDisposable {
  /** The service's name. */
  readonly service: string;
  readonly #settings: LiveSettings;
  readonly #context: LiveContext;
  readonly #readiness = new Readiness();
  readonly #announcements: Announcements;
  readonly #suspects: Suspects | undefined;
  readonly #ejections: Ejections | undefined;
  readonly #members: Members;
  readonly #selection: Selection;
  readonly #snapshots: Snapshots | undefined;
  readonly #knowledge: Knowledge;
  /** Whether the next pick needs no other look at anything. */
  #certain = false;

  /** Whether the selection is of the members as they are. */
  #fresh = true;
  #unfollow: (() => void) | undefined;
  #forgetSignal: (() => void) | undefined;
  #cancelPatience: CancelTimer | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(service: string, settings: LiveSettings, context: LiveContext) {
    const { logger, random, report, store } = context;
    const { clock } = store;
    this.service = service;
    this.#settings = settings;
    this.#context = context;
    this.#knowledge = new Knowledge(clock);
    this.#announcements = new Announcements(logger, service);
    const shared = { clock, logger, random, report, service, changed: () => this.#changed() };
    this.#suspects = settings.suspects && new Suspects(settings.suspects, shared);
    this.#members = new Members(settings.filter, this.#suspects);
    this.#ejections = settings.ejection && new Ejections(settings.ejection, this.#members, shared);
    this.#selection = new Selection({
      members: this.#members,
      rules: settings.rules,
      picker: settings.strategy.picker(random),
      random,
    });
    this.#snapshots =
      settings.snapshot === undefined
        ? undefined
        : new Snapshots(settings.snapshot, { ...shared, take: () => this.#knowledge.snapshot });
    this.#begin(settings.signal);
  }

  /**
   * Resolves when the hosts of the service are known: read from etcd, or, with a `snapshot`, from the
   * file if etcd does not answer soon. Rejects at once with `UNAUTHENTICATED` or `PERMISSION_DENIED`
   * if etcd refuses (the pool itself goes on trying), with `CLOSED` if the pool has ended, and with
   * `signal.reason` when a signal aborts: the one given here, which ends this wait alone, or the
   * pool's own.
   */
  waitReady(options?: WaitOptions | undefined): Promise<void> {
    return this.#waitReady(signalOf(options));
  }

  /**
   * All hosts of the pool, draining and ejected ones too, in the order in which they became known. A
   * frozen array that stays the same until something is different; a host whose record stays the
   * same stays the same object. Empty before they are known.
   */
  get hosts(): readonly Host[] {
    return this.#members.hosts;
  }

  /** What picks are made from at this moment; a frozen array, too. */
  get pickable(): readonly Host[] {
    this.#refresh();
    return this.#selection.hosts;
  }

  /** Hosts that failed and are left alone for a while. */
  get ejected(): readonly Host[] {
    return Array.from(this.#ejections?.out ?? [], ({ host }) => host);
  }

  /** Hosts that were lost together with most others, and are picked only when no living one can be. */
  get suspects(): readonly Host[] {
    return Array.from(this.#members.suspects, ({ host }) => host);
  }

  /**
   * How far all of this can be trusted. Of a snapshot, `ageMs` is the time since etcd told it; of a
   * pool that knows nothing yet, since it began; of one that has ended, since then.
   */
  get freshness(): Freshness {
    return this.#knowledge.freshness;
  }

  /**
   * A host, at once and without asking anybody. Throws
   *
   * - `NOT_READY`: the hosts are not known yet, see {@link waitReady};
   * - `NO_HOST_FOUND`: they are, and there is none, or all are excluded;
   * - `NO_HOST_FOUND_ON_SHARD`: there are hosts, but none on the pool's shard;
   * - `UNAVAILABLE`: what is known is older than `maxStaleMs`;
   * - `CLOSED`: the pool has ended;
   * - `INVALID_ARGUMENT`.
   */
  pick(options?: PickOptions | undefined): Host {
    const excluded = options === undefined ? undefined : checkPick(options);
    if (!this.#certain) this.#assertPickable();
    return this.#selection.host(options?.key, excluded) ?? this.#throwNobody();
  }

  /**
   * Picks a host, as {@link pick} does, for as long as the work takes, and learns from how that ends.
   * A host that fails again and again is left alone for a while, one that cannot be reached at once;
   * what counts is told at `Outcome`. Resolves and rejects as the work does; rejects as `pick`
   * throws, and with `signal.reason` when the signal aborts, which the work has to see to itself.
   */
  use<T>(
    work: (host: Host) => T | PromiseLike<T>,
    options?: UseOptions | undefined,
  ): Promise<Awaited<T>> {
    if (typeof work !== "function") {
      refuse("work", `must be a function that is given a host, not ${kindOf(work)}`);
    }
    const excluded = options === undefined ? undefined : checkPick(options);
    const signal = optionalSignal(options?.signal);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return abortable(this.#use(work, options?.key, excluded, signal), signal);
  }

  /** As {@link use}, for work that is no function: picks a host; whoever calls says by `end` what came of it. Throws as `pick` does. */
  begin(options?: PickOptions | undefined): HostUse {
    return this.#useOf(options?.key, options === undefined ? undefined : checkPick(options));
  }

  /** As {@link begin}, of a host that was picked before. Undefined if it is none of the pool any longer. */
  beginOn(host: Host): HostUse | undefined {
    const member = this.#members.get(host.uuid);
    return member && this.#useOfMember(member);
  }

  /**
   * Calls back at each change of the hosts, of those that are picked from, or of where they are from,
   * and when the pool ends; returns its undo. Changes of one moment are told once. What a listener throws is logged.
   */
  on<E extends keyof LivePoolEvents>(
    event: E,
    listener: (event: LivePoolEvents[E]) => void,
  ): () => void {
    const off = this.#announcements.on(event, listener);
    this.#announcements.begin(this.#now);
    return off;
  }

  /** @internal How many hosts were picked. */
  get picks(): number {
    return this.#selection.picks;
  }

  /** @internal How often a host was ejected. */
  get ejections(): number {
    return this.#ejections?.count ?? 0;
  }

  /** Ends the pool; with a `snapshot` it resolves when the newest hosts are in the file. Idempotent, never rejects. */
  close(): Promise<void> {
    return this.#close(ended(this.#name));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #begin(signal: AbortSignal | undefined): void {
    if (signal?.aborted) {
      void this.#close(signal.reason);
      return;
    }
    this.#forgetSignal = signal && onAbort(signal, () => void this.#close(signal.reason));
    void this.#snapshots?.read().then((snapshot) => snapshot && this.#loaded(snapshot));
    this.#unfollow = this.#context.follow(this.service, {
      listed: (mirror) => this.#listed(mirror),
      changed: (events) => {
        const gone = this.#members.apply(events);
        for (const member of gone ?? []) this.#ejections?.forget(member);
        this.#changed();
        this.#snapshots?.changed();
      },
      failed: (error) => this.#failed(error),
      closed: () => void this.close(),
    });
  }

  async #waitReady(signal: AbortSignal | undefined): Promise<void> {
    const release = this.#context.hold();
    try {
      await this.#readiness.wait(signal);
    } finally {
      release();
    }
  }

  async #use<T>(
    work: (host: Host) => T | PromiseLike<T>,
    key: string | undefined,
    excluded: ReadonlySet<string> | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Awaited<T>> {
    return during(this.#useOf(key, excluded), work, signal);
  }

  #useOf(key: string | undefined, excluded: ReadonlySet<string> | undefined): HostUse {
    if (!this.#certain) this.#assertPickable();
    return this.#useOfMember(this.#selection.member(key, excluded) ?? this.#throwNobody());
  }

  #useOfMember(member: Member): HostUse {
    return new HostUse(member, this.#ejections, this.#suspects);
  }

  #listed(mirror: Mirror): void {
    this.#cancelPatience?.();
    this.#knowledge.listed(mirror);
    for (const member of this.#members.replace(mirror.hosts)) this.#ejections?.forget(member);
    this.#changed();
    this.#snapshots?.changed();
    this.#readiness.ready();
  }

  /** The snapshot of an earlier process has been read. */
  #loaded(snapshot: Snapshot): void {
    if (this.#knowledge.mirror !== undefined || this.#closing !== undefined) return;
    this.#knowledge.loaded(snapshot);
    this.#members.replace(snapshot.hosts);
    this.#changed();
    const { clock } = this.#context.store;
    this.#cancelPatience = clock.setTimeout(() => this.#readiness.ready(), patienceMs);
  }

  #failed(error: Error): void {
    if (this.#knowledge.mirror !== undefined) return;
    this.#knowledge.failed(error);
    if (refusals.some((code) => isDiscoveryError(error, code))) this.#readiness.refuse(error);
    else if (this.#knowledge.fromDisk) this.#readiness.ready();
    else this.#readiness.reopen();
  }

  /** Who may be picked may be others now. What picks are made from is made anew soon, so that no pick has to. */
  #changed(): void {
    this.#certain = false;
    if (!this.#fresh) return;
    this.#fresh = false;
    queueMicrotask(() => this.#tell());
  }

  #refresh(): void {
    if (this.#fresh) return;
    this.#fresh = true;
    try {
      this.#selection.refresh();
    } catch (error) {
      this.#context.logger.error("a strategy threw", { service: this.service, error });
    }
  }

  #tell(): void {
    this.#refresh();
    if (this.#closing !== undefined) return;
    if (this.#announcements.inUse) this.#announcements.tell(this.#now);
  }

  get #now(): Omit<LivePoolEvents, "closed"> {
    const { freshness, hosts, pickable } = this;
    return { freshness, hosts, pickable };
  }

  #assertPickable(): void {
    if (this.#closing !== undefined) throw ended(this.#name);
    if (!this.#knowledge.any) throw notReady(this.#name, this.#knowledge.failure);
    this.#refresh();
    const { source, ageMs } = this.freshness;
    const { maxStaleMs } = this.#settings;
    if (source !== "live" && ageMs > maxStaleMs) {
      throw tooOld(this.#name, ageMs, maxStaleMs, this.#knowledge.failure);
    }
    this.#certain = source === "live" || maxStaleMs === Infinity;
  }

  #throwNobody(): never {
    throw nobody(this.#name, this.#settings.filter, {
      ofPool: this.#members.hosts.length,
      ofService: this.#knowledge.hosts,
    });
  }

  #close(reason: unknown): Promise<void> {
    this.#closing ??= this.#end(reason);
    return this.#closing;
  }

  async #end(reason: unknown): Promise<void> {
    // Before the mirror is let go, from which the last snapshot is made.
    const snapshotWritten = this.#snapshots?.close();
    this.#knowledge.end();
    this.#certain = false;
    this.#cancelPatience?.();
    this.#forgetSignal?.();
    this.#unfollow?.();
    this.#readiness.refuse(reason);
    this.#announcements.emit("closed", undefined);
    this.#announcements.clear();
    this.#ejections?.close();
    this.#suspects?.close();
    await snapshotWritten;
    this.#context.ended(this);
  }

  /** As messages say it. */
  get #name(): string {
    return `live pool ${quote(this.service)}`;
  }
}
