import { abortable, delay } from "../../../async/abort.ts";
import type { Clock } from "../../../async/clock.ts";
import type { Registration } from "../../../register/registration.ts";

/** How long taking a host off etcd may take in all, its draining aside: an etcd that does not answer must not hold what is told to stop. */
const limitMs = 2_000;

/** Takes a host off etcd, and no later than that lets others go on. */
export class Leaving {
  readonly #registration: Pick<Registration, "state" | "unregister" | "update">;
  readonly #drainMs: number;
  readonly #clock: Clock;
  readonly #skipDrain = new AbortController();
  readonly #skip = new AbortController();
  #left: Promise<boolean> | undefined;

  /** @param drainMs how long the host stays listed as draining; 0: it is not marked */
  constructor(
    registration: Pick<Registration, "state" | "unregister" | "update">,
    drainMs: number,
    clock: Clock,
  ) {
    this.#registration = registration;
    this.#drainMs = drainMs;
    this.#clock = clock;
  }

  /** Begins to leave, once. Resolves with whether etcd has confirmed it; it never rejects. */
  leave(): Promise<boolean> {
    this.#left ??= this.#leave();
    return this.#left;
  }

  /** Nobody is there any longer who could serve: no more draining, but it is unregistered. */
  skipDrain(): void {
    this.#skipDrain.abort();
  }

  /** Waits for nothing any more; what was begun goes on. */
  skip(): void {
    this.#skipDrain.abort();
    this.#skip.abort();
  }

  async #leave(): Promise<boolean> {
    const registration = this.#registration;
    const begun = this.#clock.now();
    let leftMs = limitMs;
    // While etcd is away nobody would see the mark.
    const listed = registration.state === "registered" || registration.state === "draining";
    if (this.#drainMs > 0 && listed && !this.#skipDrain.signal.aborted) {
      const { signal } = this.#skipDrain;
      const marked = await this.#within(leftMs, registration.update({ draining: true }), signal);
      leftMs -= this.#clock.now() - begun;
      if (marked) await delay(this.#clock, this.#drainMs, signal).catch(() => {});
    }
    return await this.#within(leftMs, registration.unregister(), this.#skip.signal);
  }

  /** Whether it was done in time, and nobody told not to wait for it. */
  #within(ms: number, work: Promise<void>, skip: AbortSignal): Promise<boolean> {
    const done = work.then(
      () => true,
      () => false,
    );
    const late = delay(this.#clock, Math.max(0, ms), skip).then(() => false);
    return abortable(Promise.race([done, late]), skip).catch(() => false);
  }
}
