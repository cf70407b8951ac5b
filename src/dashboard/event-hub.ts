import type { ServerResponse } from "node:http";
import { randomUUID } from "node:crypto";
import type { CancelTimer, Clock } from "../async/clock.ts";
import { BatchRing } from "./batch-ring.ts";
import { type CatalogueSource, DashboardView } from "./dashboard-view.ts";
import type { Dirty } from "./dirty.ts";
import { EventClient } from "./event-client.ts";
import { eventText } from "./event-text.ts";

/** News is told at once, and then at most this often. */
const batchMs = 50;

/** How often a page that hears nothing else is told that it would. */
const pingMs = 10_000;

/** How often it is looked again at an etcd that is away. */
const judgeMs = 1_000;

const stuckMs = 30_000;

export interface EventHubOptions {
  readonly clock: Clock;
  readonly endpoint?: (() => string | undefined) | undefined;
  readonly now?: (() => number) | undefined;
}

/** Tells everybody who listens what a catalogue shows, and what changes in it. */
export class EventHub {
  /** Another one each time, so that a page knows a server that has forgotten it. */
  readonly #boot = randomUUID();
  readonly #clock: Clock;
  readonly #view: DashboardView;
  readonly #ring = new BatchRing();
  readonly #clients = new Set<EventClient>();
  #cancelFlush: CancelTimer | undefined;
  #cancelPing: CancelTimer;
  #cancelJudge: CancelTimer;
  #flushedAt = -Infinity;
  #closed = false;

  constructor(catalogue: CatalogueSource, options: EventHubOptions) {
    const { clock, endpoint, now } = options;
    this.#clock = clock;
    this.#view = new DashboardView(catalogue, { endpoint, now, changed: () => this.#flushSoon() });
    this.#cancelPing = clock.setTimeout(() => this.#ping(), pingMs);
    this.#cancelJudge = clock.setTimeout(() => this.#judge(), judgeMs);
  }

  /** How many listen. */
  get size(): number {
    return this.#clients.size;
  }

  /**
   * Begins to tell somebody, whose headers were sent: what is different since the event that it names, if
   * that is known, else all there is.
   */
  add(response: ServerResponse, lastEventId: string | undefined): void {
    if (this.#closed) return void response.end();
    // What is not told yet goes to the others only: this one is told what is there already.
    this.#flush();
    const [boot, number] = lastEventId?.split(/-(?=\d+$)/) ?? [];
    const missed = boot === this.#boot ? this.#ring.since(Number(number)) : undefined;
    const pieces = missed === undefined ? this.#everything() : this.#missed(missed);
    const client: EventClient = new EventClient(response, pieces, {
      clock: this.#clock,
      stuckMs,
      render: (dirty) => this.#render(dirty),
      ended: () => void this.#clients.delete(client),
    });
    if (!response.destroyed) this.#clients.add(client);
  }

  /** Ends all that it tells. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancelFlush?.();
    this.#cancelPing();
    this.#cancelJudge();
    this.#view.close();
    for (const client of this.#clients) client.end();
  }

  get #id(): string {
    return `${this.#boot}-${this.#ring.last}`;
  }

  *#everything(): Generator<string> {
    const { watchingSince, state } = this.#view;
    // That of the moment at which it begins: what changes while it is told, is told once more.
    const id = this.#id;
    yield `retry: 1000\n${eventText("reset", { now: Date.now(), watchingSince, state })}`;
    for (const piece of this.#view.everything()) yield eventText("update", piece);
    yield eventText("ready", { now: Date.now(), state: this.#view.state }, id);
  }

  *#missed(missed: Dirty): Generator<string> {
    yield "retry: 1000\n\n";
    if (!missed.empty) yield this.#render(missed);
    yield eventText("ready", { now: Date.now(), state: this.#view.state }, this.#id);
  }

  #render(dirty: Dirty): string {
    return eventText("update", this.#view.update(dirty), this.#id);
  }

  #flushSoon(): void {
    if (this.#cancelFlush !== undefined || this.#closed) return;
    const waitMs = Math.max(0, this.#flushedAt + batchMs - this.#clock.now());
    this.#cancelFlush = this.#clock.setTimeout(() => this.#flush(), waitMs);
  }

  #flush(): void {
    this.#cancelFlush?.();
    this.#cancelFlush = undefined;
    const dirty = this.#view.takeDirty();
    if (dirty.empty) return;
    this.#flushedAt = this.#clock.now();
    this.#ring.push(dirty);
    if (this.#clients.size === 0) return;
    const batch = { dirty, text: this.#render(dirty) };
    for (const client of this.#clients) client.tell(batch);
  }

  #ping(): void {
    this.#cancelPing = this.#clock.setTimeout(() => this.#ping(), pingMs);
    this.#view.judge();
    if (this.#clients.size === 0) return;
    const text = eventText("ping", { now: Date.now(), state: this.#view.state });
    for (const client of this.#clients) client.ping(text);
  }

  /** While etcd is away there are no events that would tell why, or of which service. */
  #judge(): void {
    this.#cancelJudge = this.#clock.setTimeout(() => this.#judge(), judgeMs);
    if (this.#view.state.source !== "live") this.#view.judge();
  }
}
