import { Backoff } from "../../async/backoff.ts";
import type { Clock } from "../../async/clock.ts";
import type { Channel } from "./channel.ts";

/** How long an endpoint must have served before an earlier trouble with it is forgotten. */
const lastingMs = 5_000;

/** One member of the cluster: its channel, and whether it may be used now. */
export class Endpoint {
  readonly address: string;
  readonly channel: Channel;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  #failures = 0;
  #failure: Error | undefined;
  #readyAt = -Infinity;
  #answeredAt = -Infinity;
  #servesSince: number | undefined;

  constructor(address: string, channel: Channel, clock: Clock, random: () => number) {
    this.address = address;
    this.channel = channel;
    this.#clock = clock;
    // Half of the usual longest wait: a host must be back within 2 s of etcd serving again.
    this.#backoff = new Backoff({ maximumMs: 1_000, random });
  }

  /** How often it has failed. */
  get failures(): number {
    return this.#failures;
  }

  /** Why it is not in use; undefined once it has answered again. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** From when on it may be tried again. */
  get readyAt(): number {
    return this.#readyAt;
  }

  /** Whether it has answered, and has not failed since. */
  get serves(): boolean {
    return this.#servesSince !== undefined;
  }

  /** When it last gave a sign of life. */
  get answeredAt(): number {
    return this.#answeredAt;
  }

  answered(): void {
    this.#answeredAt = this.#clock.now();
    this.#servesSince ??= this.#answeredAt;
    this.#failure = undefined;
  }

  failed(error: Error): void {
    const now = this.#clock.now();
    if (this.#servesSince !== undefined && now - this.#servesSince >= lastingMs) {
      this.#backoff.reset();
    }
    this.#servesSince = undefined;
    this.#failures += 1;
    this.#failure = error;
    this.#readyAt = now + this.#backoff.next();
    this.channel.disconnect(error);
  }
}
