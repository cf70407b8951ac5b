import { signalOf, type WaitOptions } from "../arguments.ts";
import { onAbort } from "../async/abort.ts";
import { DiscoveryError, isDiscoveryError } from "../errors.ts";
import type { Follower } from "./follower.ts";
import type { HostEvent } from "./host-event.ts";
import type { Inbox } from "./inbox.ts";
import type { Mirror } from "./mirror.ts";
import { Readiness } from "./readiness.ts";
import type { Subscription } from "./subscription.ts";

/** Hands what is in an inbox to the reader of a {@link Subscription}. */
export class Feed<T> implements Subscription<T>, Follower {
  readonly #service: string;
  readonly #inbox: Inbox<T>;
  readonly #hold: () => () => void;
  readonly #readiness = new Readiness();
  readonly #waiting: Waiting<T>[] = [];
  #release: (() => void) | undefined;
  #listed = false;
  #ended = false;

  /** What the next `next()` has to throw. */
  #thrown: { readonly reason: unknown } | undefined;
  #detach: () => void = () => {};

  constructor(service: string, inbox: Inbox<T>, hold: () => () => void) {
    this.#service = service;
    this.#inbox = inbox;
    this.#hold = hold;
  }

  /** Begins: `follow` makes it a follower of a mirror and returns the undo. An aborted signal ends it at once. */
  begin(signal: AbortSignal | undefined, follow: () => () => void): void {
    if (signal?.aborted) {
      this.#abort(signal.reason);
      return;
    }
    const forget = signal && onAbort(signal, () => this.#abort(signal.reason));
    const unfollow = follow();
    this.#detach = () => {
      forget?.();
      unfollow();
    };
  }

  next(): Promise<IteratorResult<T, undefined>> {
    if (this.#thrown !== undefined) {
      const { reason } = this.#thrown;
      this.#thrown = undefined;
      return Promise.reject(reason);
    }
    if (this.#ended) return Promise.resolve(done);
    const value = this.#waiting.length === 0 ? this.#inbox.take() : undefined;
    if (value !== undefined) return Promise.resolve({ done: false, value });
    this.#release ??= this.#hold();
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.#close();
    return Promise.resolve(done);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#close();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  waitReady(options?: WaitOptions | undefined): Promise<void> {
    return this.#waitReady(signalOf(options));
  }

  listed(mirror: Mirror): void {
    this.#listed = true;
    this.#inbox.listed(mirror);
    this.#readiness.ready();
    this.#serve();
  }

  changed(events: readonly HostEvent[]): void {
    this.#inbox.changed(events);
    this.#serve();
  }

  failed(error: Error): void {
    if (this.#listed) return;
    const refused = ["UNAUTHENTICATED", "PERMISSION_DENIED", "CLOSED"] as const;
    if (refused.some((code) => isDiscoveryError(error, code))) this.#readiness.refuse(error);
    else this.#readiness.reopen();
  }

  closed(): void {
    this.#close();
  }

  async #waitReady(signal: AbortSignal | undefined): Promise<void> {
    const release = this.#hold();
    try {
      await this.#readiness.wait(signal);
    } finally {
      release();
    }
  }

  /** Gives those who wait what there is. */
  #serve(): void {
    while (this.#waiting.length > 0) {
      const value = this.#inbox.take();
      if (value === undefined) return;
      this.#waiting.shift()?.resolve({ done: false, value });
      if (this.#waiting.length === 0) this.#letGo();
    }
  }

  #abort(reason: unknown): void {
    this.#thrown = { reason };
    this.#end(reason);
  }

  #close(): void {
    this.#thrown = undefined;
    const message = `the subscription to ${this.#service} has ended`;
    this.#end(new DiscoveryError("CLOSED", message));
  }

  #end(reason: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#detach();
    this.#readiness.refuse(reason);
    this.#inbox.clear();
    const waiting = this.#waiting.splice(0);
    if (this.#thrown !== undefined && waiting.length > 0) {
      this.#thrown = undefined;
      waiting.shift()?.reject(reason);
    }
    for (const { resolve } of waiting) resolve(done);
    this.#letGo();
  }

  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

const done = { done: true, value: undefined } as const;

interface Waiting<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (reason: unknown) => void;
}
