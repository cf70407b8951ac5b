import { optionalSignal, signalOf, type WaitOptions } from "../../arguments.ts";
import { abortable, onAbort } from "../../async/abort.ts";
import type { CancelTimer } from "../../async/clock.ts";
import { DiscoveryError, isDiscoveryError } from "../../errors.ts";
import type { Host } from "../../model/host.ts";
import { kindOf, quote, refuse } from "../../model/refuse.ts";
import type { FindContext } from "../find-context.ts";
import type { Follower } from "../follower.ts";
import type { Freshness } from "../freshness.ts";
import type { Mirror } from "../mirror.ts";
import { Readiness } from "../readiness.ts";
import { Ejections } from "./ejections.ts";
import { HostUse } from "./host-use.ts";
import type { LiveSettings } from "./live-options.ts";
import { Listeners } from "./listeners.ts";
import { Members } from "./members.ts";
import { outcomeOfError, outcomeOfValue } from "./outcome.ts";
import { checkPick, type PickOptions, type UseOptions } from "./pick-options.ts";
import { Selection } from "./selection.ts";
import type { Snapshot } from "./snapshot-file.ts";
import { Snapshots } from "./snapshots.ts";
import { Suspects } from "./suspects.ts";

/** What a live pool tells its listeners, by event. */
export interface LivePoolEvents {
  /** The hosts of the pool are these now. */
  hosts: readonly Host[];

  /** Picks are made from these now: hosts came or went, are draining, were ejected, or are back. */
  pickable: readonly Host[];

  /** Contact with etcd was lost, or is back. */
  freshness: Freshness;
}

/** What a live pool needs of its `Discovery`. */
export interface LiveContext extends FindContext {
  /** Follows the service of the pool; returns the undo. */
  readonly follow: (follower: Follower) => () => void;

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
  readonly #listeners: Listeners<LivePoolEvents>;
  readonly #suspects: Suspects | undefined;
  readonly #ejections: Ejections | undefined;
  readonly #members: Members;
  readonly #selection: Selection;
  readonly #snapshots: Snapshots | undefined;
  readonly #startedAt: number;
  #mirror: Mirror | undefined;
  #disk: { readonly revision: number; readonly liveAt: number; readonly hosts: number } | undefined;

  /** Whether the next pick needs no other look at anything. */
  #certain = false;

  /** Whether the selection is of the members as they are. */
  #fresh = true;
  #told: Partial<{ hosts: readonly Host[]; pickable: readonly Host[]; source: string }> = {};
  #unfollow: () => void = () => {};
  #forgetSignal: (() => void) | undefined;
  #cancelPatience: CancelTimer = () => {};
  #closedAt: number | undefined;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(service: string, settings: LiveSettings, context: LiveContext) {
    const { logger, random, store } = context;
    const { clock } = store;
    this.service = service;
    this.#settings = settings;
    this.#context = context;
    this.#startedAt = clock.now();
    this.#listeners = new Listeners(["hosts", "pickable", "freshness"], logger, { service });
    const shared = { clock, logger, random, service, changed: () => this.#changed() };
    this.#suspects = settings.suspects && new Suspects(settings.suspects, shared);
    this.#members = new Members(settings.filter, this.#suspects);
    this.#ejections =
      settings.ejection &&
      new Ejections(settings.ejection, {
        ...shared,
        eligible: () => this.#members.eligible,
        lives: (member) => this.#members.has(member),
      });
    this.#selection = new Selection({
      members: this.#members,
      rules: settings.rules,
      picker: settings.strategy.picker(random),
      random,
    });
    this.#snapshots =
      settings.snapshot === undefined
        ? undefined
        : new Snapshots(settings.snapshot, { ...shared, take: () => this.#snapshot() });
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
    const mirror = this.#mirror;
    const now = this.#context.store.clock.now();
    if (this.#closedAt === undefined && mirror !== undefined) return mirror.freshness;
    const revision = mirror?.freshness.revision ?? this.#disk?.revision ?? 0;
    if (this.#closedAt !== undefined) {
      return { source: "stale", revision, ageMs: now - this.#closedAt };
    }
    return this.#disk === undefined
      ? { source: "stale", revision, ageMs: now - this.#startedAt }
      : { source: "disk", revision, ageMs: now - this.#disk.liveAt };
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
    return this.#selection.host(options?.key, excluded) ?? this.#throwAbsence();
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
    if (options !== undefined) checkPick(options);
    const signal = optionalSignal(options?.signal);
    if (signal?.aborted) return Promise.reject(signal.reason);
    return abortable(this.#use(work, options, signal), signal);
  }

  /** As {@link use}, for work that is no function: picks a host; whoever calls says by `end` what came of it. Throws as `pick` does. */
  begin(options?: PickOptions | undefined): HostUse {
    const excluded = options === undefined ? undefined : checkPick(options);
    if (!this.#certain) this.#assertPickable();
    const member = this.#selection.member(options?.key, excluded) ?? this.#throwAbsence();
    return new HostUse(member, this.#ejections, () => this.#suspects?.remove(member.host.uuid));
  }

  /**
   * Calls back at each change of the hosts, of those that are picked from, or of where they are from;
   * returns its undo. Changes of one moment are told once. What a listener throws is logged.
   */
  on<E extends keyof LivePoolEvents>(
    event: E,
    listener: (event: LivePoolEvents[E]) => void,
  ): () => void {
    return this.#listeners.on(event, listener);
  }

  /** Ends the pool; with a `snapshot` it resolves when the newest hosts are in the file. Idempotent, never rejects. */
  close(): Promise<void> {
    return this.#close(new DiscoveryError("CLOSED", `${this.#name} has ended`));
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
    this.#unfollow = this.#context.follow({
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
    options: UseOptions | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Awaited<T>> {
    const use = this.begin(options);
    try {
      const value = await work(use.host);
      use.end(outcomeOfValue(value));
      return value;
    } catch (error) {
      use.end(signal?.aborted ? "undecided" : outcomeOfError(error));
      throw error;
    }
  }

  #listed(mirror: Mirror): void {
    this.#cancelPatience();
    this.#mirror = mirror;
    for (const member of this.#members.replace(mirror.hosts)) this.#ejections?.forget(member);
    this.#changed();
    this.#snapshots?.changed();
    this.#readiness.ready();
  }

  /** The snapshot of an earlier process has been read. */
  #loaded({ hosts, liveAt, revision }: Snapshot): void {
    if (this.#mirror !== undefined || this.#closedAt !== undefined) return;
    const { clock } = this.#context.store;
    const ageMs = Math.max(0, Date.now() - liveAt);
    this.#disk = { revision, liveAt: clock.now() - ageMs, hosts: hosts.length };
    this.#members.replace(hosts);
    this.#changed();
    const waitMs = this.#startedAt + patienceMs - clock.now();
    this.#cancelPatience = clock.setTimeout(() => this.#readiness.ready(), Math.max(0, waitMs));
  }

  #failed(error: Error): void {
    if (this.#mirror !== undefined) return;
    if (refusals.some((code) => isDiscoveryError(error, code))) this.#readiness.refuse(error);
    else if (this.#disk !== undefined) this.#readiness.ready();
    else this.#readiness.reopen();
  }

  #snapshot(): Omit<Snapshot, "liveAt"> | undefined {
    const mirror = this.#mirror;
    if (mirror === undefined || mirror.freshness.source !== "live") return undefined;
    return { revision: mirror.freshness.revision, hosts: mirror.hosts.slice() };
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
    if (this.#closedAt !== undefined) return;
    const { freshness, hosts, pickable } = this;
    const told = this.#told;
    this.#told = { hosts, pickable, source: freshness.source };
    if (told.hosts !== hosts) this.#listeners.emit("hosts", hosts);
    if (told.pickable !== pickable) this.#listeners.emit("pickable", pickable);
    if (told.source !== freshness.source) this.#listeners.emit("freshness", freshness);
  }

  #assertPickable(): void {
    if (this.#closedAt !== undefined) throw new DiscoveryError("CLOSED", `${this.#name} has ended`);
    if (this.#mirror === undefined && this.#disk === undefined) {
      throw new DiscoveryError(
        "NOT_READY",
        `the hosts of ${this.#name} are not known yet: await waitReady() first`,
      );
    }
    this.#refresh();
    const { source, ageMs } = this.freshness;
    const { maxStaleMs } = this.#settings;
    if (source !== "live" && ageMs > maxStaleMs) {
      throw new DiscoveryError(
        "UNAVAILABLE",
        `what is known of ${this.#name} is ${Math.round(ageMs)} ms old, and maxStaleMs is ${maxStaleMs}`,
        { cause: this.#mirror?.failure },
      );
    }
    this.#certain = source === "live" || maxStaleMs === Infinity;
  }

  #throwAbsence(): never {
    const { shard, metadata } = this.#settings.filter;
    if (this.#members.hosts.length > 0) {
      throw new DiscoveryError("NO_HOST_FOUND", `all hosts of ${this.#name} are excluded`);
    }
    const others = this.#mirror?.hosts.length ?? this.#disk?.hosts ?? 0;
    if (others > 0 && shard !== undefined) {
      const having = metadata === undefined ? "" : " with the metadata asked for";
      throw new DiscoveryError(
        "NO_HOST_FOUND_ON_SHARD",
        `${this.#name} has hosts, but none on shard ${quote(shard)}${having}`,
      );
    }
    throw new DiscoveryError(
      "NO_HOST_FOUND",
      others > 0
        ? `${this.#name} has hosts, but none with the metadata asked for`
        : `no host of ${this.#name} lives`,
    );
  }

  #close(reason: unknown): Promise<void> {
    this.#closing ??= this.#end(reason);
    return this.#closing;
  }

  async #end(reason: unknown): Promise<void> {
    // Before the mirror is let go, from which the last snapshot is made.
    const snapshotWritten = this.#snapshots?.close();
    this.#closedAt = this.#context.store.clock.now();
    this.#certain = false;
    this.#cancelPatience();
    this.#forgetSignal?.();
    this.#unfollow();
    this.#readiness.refuse(reason);
    this.#listeners.clear();
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
