import type { CancelTimer, Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { CallOptions, WriteResult } from "../store.ts";
import type { EtcdSession } from "./lease.ts";
import type { WritePart } from "./transaction.ts";

/** Writes that were asked for and not yet answered for, by the keys that they touch. */
interface KeyUse {
  /** The last one that changes the key. */
  changes: QueuedWrite | undefined;

  /** Those after it that only compare the key. */
  readonly compares: Set<QueuedWrite>;
}

/** A write on its way: its caller's promise, and its place in the order of its keys. */
export class QueuedWrite {
  readonly part: WritePart;

  /** The sessions that its records are to live by. */
  readonly sessions: readonly EtcdSession[];
  readonly promise: Promise<WriteResult>;
  readonly timeoutMs: number;
  readonly deadline: number;

  /** How many earlier writes it has to wait for, and the later ones that wait for it. */
  blockers = 0;
  readonly dependents: QueuedWrite[] = [];
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  #resolve: (result: WriteResult) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #cancelTimer: CancelTimer | undefined;
  #settled = false;

  constructor(
    part: WritePart,
    sessions: readonly EtcdSession[],
    { signal, timeoutMs }: CallOptions,
    clock: Clock,
  ) {
    this.part = part;
    this.sessions = sessions;
    this.timeoutMs = timeoutMs;
    this.deadline = clock.now() + timeoutMs;
    this.#clock = clock;
    this.#signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  get settled(): boolean {
    return this.#settled;
  }

  resolve(result: WriteResult): void {
    this.#settle();
    this.#resolve(result);
  }

  reject(error: unknown): void {
    this.#settle();
    this.#reject(error);
  }

  /** Rejects when its time is up, for as long as nothing else sees to that. */
  expire(armed: boolean): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (!armed || this.#settled) return;
    this.#cancelTimer = this.#clock.setTimeout(() => {
      this.reject(new DiscoveryError("TIMEOUT", `etcd did not write ${this.part.keys} in time`));
    }, this.deadline - this.#clock.now());
  }

  readonly #onAbort = (): void => this.reject(this.#signal?.reason);

  #settle(): void {
    this.#settled = true;
    this.#cancelTimer?.();
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}

/**
 * Keeps the order of writes: one that touches a key waits until all earlier ones that change the key
 * are answered for. Those that need not wait are handed out together at the end of the tick, when
 * the continuations of all promises have had their turn.
 */
export class WriteQueue {
  readonly #carryOut: (writes: readonly QueuedWrite[]) => void;
  readonly #keys = new Map<string, KeyUse>();
  readonly #all = new Set<QueuedWrite>();
  #ready: QueuedWrite[] = [];

  /** @param carryOut begins to carry out writes that do not touch each other; `done` is to be called for each in the end */
  constructor(carryOut: (writes: readonly QueuedWrite[]) => void) {
    this.#carryOut = carryOut;
  }

  add(write: QueuedWrite): void {
    this.#all.add(write);
    for (const key of write.part.changed) {
      const use = this.#use(key);
      if (use.compares.size > 0) for (const earlier of use.compares) this.#after(earlier, write);
      else if (use.changes !== undefined) this.#after(use.changes, write);
      use.compares.clear();
      use.changes = write;
    }
    for (const key of write.part.compared) {
      const use = this.#use(key);
      if (use.changes !== undefined) this.#after(use.changes, write);
      use.compares.add(write);
    }
    if (write.blockers === 0) this.#enqueue(write);
    else write.expire(true);
  }

  /** A write is over, however it went: those that waited for it may go. */
  done(write: QueuedWrite): void {
    this.#all.delete(write);
    for (const key of [...write.part.changed, ...write.part.compared]) {
      const use = this.#keys.get(key);
      if (use === undefined) continue;
      if (use.changes === write) use.changes = undefined;
      use.compares.delete(write);
      if (use.changes === undefined && use.compares.size === 0) this.#keys.delete(key);
    }
    for (const dependent of write.dependents) {
      dependent.blockers -= 1;
      if (dependent.blockers === 0) this.#enqueue(dependent);
    }
  }

  /** Rejects whatever has not been answered for. */
  close(error: Error): void {
    for (const write of this.#all) write.reject(error);
  }

  #use(key: string): KeyUse {
    let use = this.#keys.get(key);
    if (use === undefined) {
      use = { changes: undefined, compares: new Set() };
      this.#keys.set(key, use);
    }
    return use;
  }

  #after(earlier: QueuedWrite, later: QueuedWrite): void {
    earlier.dependents.push(later);
    later.blockers += 1;
  }

  #enqueue(write: QueuedWrite): void {
    this.#ready.push(write);
    if (this.#ready.length > 1) return;
    // A next tick comes after all promise continuations, but only if it is asked for by one.
    queueMicrotask(() => process.nextTick(() => this.#flush()));
  }

  #flush(): void {
    const ready = this.#ready;
    this.#ready = [];
    const wanted: QueuedWrite[] = [];
    for (const write of ready) {
      if (write.settled) this.done(write);
      else wanted.push(write);
    }
    if (wanted.length > 0) this.#carryOut(wanted);
  }
}
