import { Backoff } from "../../async/backoff.ts";
import type { Clock } from "../../async/clock.ts";
import { CallError } from "./call-error.ts";

/** How long an endpoint must have served before an earlier trouble with it is forgotten. */
const lastingMs = 5_000;

/** What it costs to ask one that is likely to be silent. */
const silenceMs = 1_000;

/** What each failure in a row costs, so that none is left out for long for the sake of others. */
const failureMs = 250;

/** How many of them count. */
const mostFailures = 4;

/** What the fail-over needs of the way to an endpoint; what is said on it is the driver's concern. */
export interface EndpointChannel {
  /** Drops what is open: whatever is under way fails. The next use connects anew. */
  disconnect(reason: Error): void;

  /** Ends it for good; resolves when no socket is left. */
  close(): Promise<void>;
}

/** One member of the cluster: its channel, and whether it may be used now. */
export class Endpoint<C extends EndpointChannel = EndpointChannel> {
  readonly address: string;
  readonly channel: C;
  readonly #clock: Clock;
  readonly #backoff: Backoff;
  readonly #onNews: () => void;
  #failures = 0;
  #inARow = 0;
  #failure: Error | undefined;
  #readyAt = -Infinity;
  #answeredAt = -Infinity;
  #servesSince: number | undefined;

  /** @param onNews called when it has failed, or answers again */
  constructor(
    address: string,
    channel: C,
    options: { readonly clock: Clock; readonly random: () => number; readonly onNews: () => void },
  ) {
    const { clock, random, onNews } = options;
    this.address = address;
    this.channel = channel;
    this.#clock = clock;
    this.#onNews = onNews;
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

  /**
   * How long it may take until it answers, in milliseconds: a guess from how it failed last, and how
   * often. To be silent takes a whole attempt. To refuse a connection takes no time, but is not
   * worth waiting for; who spoke, if only to say that there is no leader, is.
   */
  expectedMs(now: number): number {
    const failure = this.#failure;
    if (failure === undefined) return 0;
    const waitMs = Math.max(this.#readyAt - now, 0);
    const silent = failure instanceof CallError && failure.blame === "silence";
    const spoke = failure instanceof CallError && failure.answered && !silent;
    const troubled = silent || (waitMs > 0 && !spoke);
    // What was long ago says nothing of an endpoint that nobody has asked since.
    const failures = now - this.#readyAt > lastingMs ? 0 : Math.min(this.#inARow, mostFailures);
    return waitMs + (troubled ? silenceMs : 0) + failures * failureMs;
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
    this.#inARow = 0;
    if (this.#failure === undefined) return;
    this.#failure = undefined;
    this.#onNews();
  }

  failed(error: Error): void {
    const now = this.#clock.now();
    if (this.#servesSince !== undefined && now - this.#servesSince >= lastingMs) {
      this.#backoff.reset();
    }
    this.#servesSince = undefined;
    this.#failures += 1;
    this.#inARow += 1;
    this.#failure = error;
    this.#readyAt = now + this.#backoff.next();
    this.channel.disconnect(error);
    this.#onNews();
  }
}
