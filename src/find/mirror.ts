import { delay } from "../async/abort.ts";
import { Backoff } from "../async/backoff.ts";
import type { CancelTimer } from "../async/clock.ts";
import { overdue } from "../async/overdue.ts";
import { Rounds } from "../async/rounds.ts";
import { DiscoveryError, type DiscoveryErrorCode } from "../errors.ts";
import type { Host } from "../model/host.ts";
import type { Service } from "../model/service.ts";
import type { Listing } from "../store/store.ts";
import type { FindContext } from "./find-context.ts";
import type { ResyncReason } from "./find-report.ts";
import type { Follower } from "./follower.ts";
import type { Freshness } from "./freshness.ts";
import { type Difference, KnownService } from "./known-service.ts";
import { missedChanges } from "./missed-changes.ts";
import { OutageLog } from "./outage-log.ts";

const defaultReconcileMs = 300_000;

/** A watch that lived this long was a success, so that the next failure starts a new series. */
const lastingMs = 10_000;

/** A watch that is not confirmed within this time may not be there. */
const confirmMs = 1_000;

/**
 * All that the store holds of one service, kept in memory and in step: list at revision R, watch
 * from R + 1, apply; on any doubt list again and tell the difference. It never fails and never
 * ends by itself.
 */
export class Mirror {
  readonly service: string;
  readonly #context: FindContext;
  readonly #known: KnownService;
  readonly #followers = new Set<Follower>();
  readonly #backoff: Backoff;
  readonly #outage: OutageLog;

  /** Ends what is waited for now. The signals and promises of a thousand mirrors that only watch would be much. */
  #interrupt: ((reason: unknown) => void) | undefined;
  #closed = false;
  #listed = false;
  #live = false;
  #lostAt: number;
  #failure: Error | undefined;
  #resyncs = 0;
  #driftRepaired = 0;

  /** Why it is, or will be, listed again. */
  #reason: ResyncReason = "replaced";

  /** Starts at once, but does no I/O before it returns. */
  constructor(service: string, context: FindContext) {
    this.service = service;
    this.#context = context;
    this.#known = new KnownService(service, context.onMalformed);
    this.#backoff = new Backoff({ random: context.random });
    this.#lostAt = context.store.clock.now();
    this.#outage = new OutageLog(context.store.clock, context.logger, { service });
    this.#run().catch((error: unknown) => this.#stopped(error));
  }

  /** Whether anybody follows it. */
  get followed(): boolean {
    return this.#followers.size > 0;
  }

  /** Whether the first reading is in. */
  get listed(): boolean {
    return this.#listed;
  }

  /** All hosts, draining ones too, in the order in which they became known. The array changes with them: it is to be copied by whoever keeps it. */
  get hosts(): readonly Host[] {
    return this.#known.hosts;
  }

  get info(): Service | undefined {
    return this.#known.info;
  }

  /** Whether there is an info of which nothing is known, as it could not be read. */
  get infoUnreadable(): boolean {
    return this.#known.infoUnreadable;
  }

  get freshness(): Freshness {
    return {
      source: this.#live ? "live" : "stale",
      revision: this.#known.revision,
      ageMs: this.#live ? 0 : this.#context.store.clock.now() - this.#lostAt,
    };
  }

  /** Why the service cannot be read or followed now, if that is so. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** How often the service was listed again because its changes could not be followed without a gap. */
  get resyncs(): number {
    return this.#resyncs;
  }

  /** How many records the periodic comparison found wrong; 0 unless the store loses changes. */
  get driftRepaired(): number {
    return this.#driftRepaired;
  }

  /** Adds a follower; the returned function removes it. */
  follow(follower: Follower): () => void {
    this.#followers.add(follower);
    if (this.#listed) follower.listed(this);
    else if (this.#failure !== undefined) follower.failed(this.#failure);
    return () => this.#followers.delete(follower);
  }

  /** Ends the mirror and what it has under way. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#outage.close();
    this.#interrupt?.(this.#error("CLOSED", "it has ended"));
    this.#tell((follower) => follower.closed());
    this.#followers.clear();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        const revision = await this.#untilClosed((signal) => this.#list(signal));
        await this.#watch(revision + 1);
      } catch (error) {
        if (!this.#closed) this.#lost(error as Error);
      }
      const { clock } = this.#context.store;
      await this.#untilClosed((signal) => delay(clock, this.#backoff.next(), signal));
    }
  }

  /** Closed, or else a fault of ours: better no mirror than one that goes round without a pause. */
  #stopped(error: unknown): void {
    if (this.#closed) return;
    this.#context.logger.error("stopped following", { service: this.service, error });
    this.close();
  }

  async #untilClosed<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const interrupted = new AbortController();
    this.#interrupt = (reason) => interrupted.abort(reason);
    if (this.#closed) interrupted.abort();
    try {
      return await work(interrupted.signal);
    } finally {
      this.#interrupt = undefined;
    }
  }

  /** @param onTurn called when there is a place for it among those who read */
  #read(signal: AbortSignal, onTurn?: () => void): Promise<Listing> {
    const { store, timeoutMs, turnstile } = this.#context;
    return turnstile.pass(signal, () => {
      onTurn?.();
      return store.read(
        this.service,
        { info: true, hosts: "all" },
        { signal, timeoutMs, together: true },
      );
    });
  }

  async #tryRead(signal: AbortSignal): Promise<Listing | undefined> {
    try {
      return await this.#read(signal);
    } catch {
      signal.throwIfAborted();
      return undefined;
    }
  }

  /** Takes over a new reading; returns its revision alone, as whoever goes on to watch would keep all of it. */
  async #list(signal: AbortSignal): Promise<number> {
    const { store, timeoutMs } = this.#context;
    // It keeps its place in the line, but its followers are told as of a reading that takes too long.
    const cancelOverdue = overdue(
      store.clock,
      () =>
        this.#lost(this.#error("TIMEOUT", `its turn to be read has not come in ${timeoutMs} ms`)),
      timeoutMs,
    );
    const listing = await this.#read(signal, cancelOverdue).finally(cancelOverdue);
    const difference = this.#known.replace(listing);
    if (this.#listed) {
      this.#resyncs += 1;
      this.#context.report.resynced(this.service, this.#reason);
      this.#publish(difference);
    } else {
      this.#found();
      this.#listed = true;
      this.#tell((follower) => follower.listed(this));
      if (listing.info === undefined && listing.hosts.length === 0) {
        // Whoever waits for hosts that come to another place is to learn of it: the store logs it.
        void this.#context.store.hint?.(this.service, { timeoutMs: this.#context.timeoutMs });
      }
    }
    return listing.revision;
  }

  /** Applies every change, and compares with the store from time to time. Rejects when the watch is over. */
  async #watch(from: number): Promise<never> {
    // Its followers may have closed it when they were told of the first reading.
    if (this.#closed) throw this.#error("CLOSED", "it has ended");
    const { store, random, reconcileMs: everyMs = defaultReconcileMs } = this.#context;
    const { clock } = store;
    const since = clock.now();
    let end: (reason: unknown) => void = () => {};
    const over = new Promise<never>((_, reject) => (end = reject));
    // What the comparison finds wrong, other than lost changes, is that the store went back.
    this.#reason = "replaced";
    this.#interrupt = end;
    const rounds = new Rounds({
      clock,
      everyMs,
      random,
      round: (signal) => this.#reconcile(signal),
      failed: end,
    });
    let cancelOverdue: CancelTimer | undefined = overdue(
      clock,
      () => this.#lost(this.#error("TIMEOUT", "the watch is not confirmed")),
      confirmMs,
    );
    const watch = store.watch(
      { service: this.service, part: "all", from },
      {
        established: () => {
          cancelOverdue?.();
          cancelOverdue = undefined;
          rounds.found();
          this.#found();
        },
        changed: (batch) => this.#publish(this.#known.apply(batch)),
        interrupted: (error) => {
          rounds.lost();
          this.#lost(error);
        },
        ended: (reason, error) => {
          this.#reason = reason;
          end(error);
        },
      },
    );
    rounds.start();
    try {
      return await over;
    } finally {
      this.#interrupt = undefined;
      watch.close();
      rounds.end();
      cancelOverdue?.();
      if (clock.now() - since >= lastingMs) this.#backoff.reset();
    }
  }

  /** Rejects when the watch can be trusted no longer. */
  async #reconcile(signal: AbortSignal): Promise<void> {
    const { clock } = this.#context.store;
    const lost = await missedChanges(this.#known, () => this.#tryRead(signal), clock, signal);
    if (lost === 0) return;
    this.#driftRepaired += lost;
    this.#reason = "drift";
    const { logger, report } = this.#context;
    report.drifted(this.service, "followed", lost);
    logger.warn("etcd did not tell of some changes; listing again", {
      service: this.service,
      changes: lost,
    });
    throw this.#error("UNAVAILABLE", `the watch missed ${lost} changes`);
  }

  #error(code: DiscoveryErrorCode, message: string): DiscoveryError {
    return new DiscoveryError(code, `following ${this.service}: ${message}`);
  }

  #publish({ events, infoChanged }: Difference): void {
    if (events.length > 0 || infoChanged) this.#tell((follower) => follower.changed(events));
  }

  #found(): void {
    this.#outage.ended();
    this.#failure = undefined;
    if (this.#live) return;
    this.#live = true;
    if (this.#listed) this.#tell((follower) => follower.changed([]));
  }

  #lost(error: Error): void {
    this.#outage.failed(error);
    this.#failure = error;
    this.#tell((follower) => follower.failed(error));
    if (!this.#live) return;
    this.#live = false;
    this.#lostAt = this.#context.store.clock.now();
    this.#tell((follower) => follower.changed([]));
  }

  #tell(call: (follower: Follower) => void): void {
    for (const follower of this.#followers) {
      try {
        call(follower);
      } catch (error) {
        this.#context.logger.error("a follower threw", { service: this.service, error });
      }
    }
  }
}
