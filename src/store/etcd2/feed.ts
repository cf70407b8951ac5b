import { Backoff } from "../../async/backoff.ts";
import type { CancelTimer, Clock } from "../../async/clock.ts";
import { DiscoveryError, isDiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { WatchEnd } from "../store.ts";
import type { Client } from "./client.ts";
import { errorCodes, isKeysError, type KeysAnswer } from "./keys-api.ts";

/** Whoever is told by a feed. */
export interface Follower {
  /** The first index that is wanted. */
  readonly from: number;

  /** Whether it can wait for {@link patienceMs} before a poll is opened for it. */
  readonly patient: boolean;

  /** etcd tells of everything from here on; told again after an interruption. */
  opened(): void;
  event(answer: KeysAnswer): void;
  interrupted(error: Error): void;

  /** Nothing is told after this. */
  ended(reason: WatchEnd, error: Error): void;
}

/**
 * How long a poll is put off that nobody needs at once, as it takes a connection of its own: until what
 * is being written meanwhile is written, and perhaps taken back.
 */
const patienceMs = 100;

/** A poll that ends sooner, having told nothing, does not want to be asked again at once. */
const shortestPollMs = 100;

/** A poll that lived this long was a success, so that the next failure starts a new series. */
const lastingMs = 5_000;

/** After this long newcomers get a poll of their own. */
const longestSilenceMs = 5_000;

/** The index at which a poll tells only what is yet to come. */
const fromNow = 0;

/** So many events of the past in a row are caught up with by asking for the next; more may never end. */
const fewEvents = 3;

/** Whoever has been catching up for this long is told sooner by a listing. */
const longestCatchUpMs = 5_000;

/** How much may come meanwhile: as much as etcd itself keeps. */
const mostHeldBack = 1_000;

/**
 * What happens to one key, or below it: one poll of etcd after the other, for any number of
 * followers. It resumes from the index after the last event, so nothing is missed or told twice.
 *
 * A poll that streams tells every event that is yet to come, but of the past only the first: etcd
 * keeps its history apart. The index that a poll is answered at tells the past from the future. Where
 * events come faster than polls are answered, one poll after the other would stay in the past for
 * ever: so one streams from now on, whose events are held back while others ask for what lies between.
 */
export class Feed {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #key: string;
  readonly #onIdle: (feed: Feed) => void;
  readonly #followers = new Map<Follower, { opened: boolean }>();
  readonly #backoff = new Backoff({ maximumMs: 1_000 });
  readonly #start: number;

  /** When anything last came. */
  #heardAt: number;

  /** The first index that was not told of yet. */
  #next: number;
  #told = 0;

  /** How many events in a row were of the past. */
  #behind = 0;
  #open = false;
  #ended = false;
  #poll: { close(): void } | undefined;

  /** Asks for what came before `#poll` began, whose events are held back until that is told. */
  #past: { close(): void } | undefined;
  #heldBack: KeysAnswer[] | undefined;
  #cancelStart: CancelTimer | undefined;
  #cancelRetry: CancelTimer | undefined;

  constructor(options: {
    readonly client: Client;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly key: string;
    readonly from: number;

    /** Nobody follows it any more, or it has ended. */
    readonly onIdle: (feed: Feed) => void;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#key = options.key;
    this.#start = options.from;
    this.#heardAt = options.clock.now();
    this.#next = options.from;
    this.#onIdle = options.onIdle;
  }

  /**
   * Whether a follower from this index on would miss nothing. One that comes because it has missed
   * something is not to join a poll that may have died without a word.
   */
  serves(from: number): boolean {
    const silent = this.#clock.now() - this.#heardAt > longestSilenceMs;
    return !this.#ended && !silent && from >= this.#start && from > this.#told;
  }

  add(follower: Follower): void {
    this.#followers.set(follower, { opened: false });
    if (!follower.patient || this.#poll !== undefined) setImmediate(() => this.#begin());
    else this.#cancelStart ??= this.#clock.setTimeout(() => this.#begin(), patienceMs);
  }

  #begin(): void {
    if (this.#ended || this.#followers.size === 0) return;
    this.#cancelStart?.();
    this.#cancelStart = undefined;
    if (this.#open) this.#tellOpened();
    else if (this.#poll === undefined && this.#cancelRetry === undefined) this.#ask();
  }

  remove(follower: Follower): void {
    if (!this.#followers.delete(follower) || this.#followers.size > 0 || this.#ended) return;
    this.#stop();
    this.#onIdle(this);
  }

  /** Ends it for all that follow it. */
  end(reason: WatchEnd, error: Error): void {
    if (this.#ended) return;
    this.#stop();
    const followers = [...this.#followers.keys()];
    this.#followers.clear();
    this.#onIdle(this);
    for (const follower of followers) this.#call(() => follower.ended(reason, error));
  }

  #stop(): void {
    this.#ended = true;
    this.#cancelStart?.();
    this.#cancelRetry?.();
    this.#leave();
  }

  /** Nothing that is under way is heard any more. */
  #leave(): void {
    const polls = [this.#poll, this.#past];
    this.#poll = undefined;
    this.#past = undefined;
    this.#heldBack = undefined;
    for (const poll of polls) poll?.close();
  }

  #ask(): void {
    const askedAt = this.#clock.now();
    const from = this.#behind < fewEvents ? this.#next : fromNow;
    let answeredAt = Infinity;
    let told = false;
    const poll = this.#client.poll(
      { key: this.#key, recursive: true, from },
      {
        opened: (index) => {
          answeredAt = index;
          this.#heardAt = this.#clock.now();
          if (from === fromNow && index >= this.#next) {
            this.#heldBack = [];
            this.#catchUp(index, askedAt);
          }
          this.#opened();
        },
        event: (answer) => {
          told = true;
          this.#heardAt = this.#clock.now();
          if (this.#heldBack === undefined) this.#present(answer, answeredAt);
          else if (this.#heldBack.push(answer) > mostHeldBack) this.#giveUp();
        },
        ended: (error) => {
          if (this.#ended || this.#poll !== poll) return;
          this.#leave();
          if (this.#clock.now() - askedAt >= lastingMs) this.#backoff.reset();
          if (error !== undefined) this.#failed(error);
          else if (told || this.#clock.now() - askedAt >= shortestPollMs) this.#ask();
          else this.#retry();
        },
      },
    );
    this.#poll = poll;
  }

  #present(answer: KeysAnswer, answeredAt: number): void {
    const poll = this.#poll;
    this.#behind = answer.node.modifiedIndex <= answeredAt ? this.#behind + 1 : 0;
    this.#event(answer);
    if (this.#ended || this.#poll !== poll || this.#behind === 0) return;
    this.#leave();
    this.#ask();
  }

  /** Tells what happened up to an index, one poll an event, and then what was held back. */
  #catchUp(until: number, since: number): void {
    if (this.#clock.now() - since > longestCatchUpMs) {
      this.#giveUp();
      return;
    }
    let told = 0;
    const poll = this.#client.poll(
      { key: this.#key, recursive: true, from: this.#next, stream: false },
      {
        opened: () => {},
        event: (answer) => {
          told = answer.node.modifiedIndex;
          // What is later comes by the stream.
          if (told <= until) this.#event(answer);
        },
        ended: (error) => {
          if (this.#ended || this.#past !== poll) return;
          this.#past = undefined;
          if (told >= until) this.#caughtUp();
          else if (told > 0) this.#catchUp(until, since);
          else {
            this.#leave();
            if (error === undefined) this.#retry();
            else this.#failed(error);
          }
        },
      },
    );
    this.#past = poll;
  }

  #caughtUp(): void {
    const answers = this.#heldBack ?? [];
    this.#heldBack = undefined;
    this.#behind = 0;
    for (const answer of answers) if (!this.#ended) this.#event(answer);
  }

  #giveUp(): void {
    const message = `more happened to "${this.#key}" than can be told one after the other`;
    this.end("compacted", new DiscoveryError("UNAVAILABLE", message));
  }

  #opened(): void {
    this.#open = true;
    this.#tellOpened();
  }

  #tellOpened(): void {
    for (const [follower, state] of [...this.#followers]) {
      if (state.opened) continue;
      state.opened = true;
      this.#call(() => follower.opened());
    }
  }

  #event(answer: KeysAnswer): void {
    const { key, modifiedIndex } = answer.node;
    if (modifiedIndex < this.#next) return;
    this.#next = modifiedIndex + 1;
    this.#told = modifiedIndex;
    const isAround = `${this.#key}/`.startsWith(`${key}/`);
    if (answer.node.dir === true && isRemoval(answer) && isAround) {
      // etcd does not say what was in it.
      const error = new DiscoveryError("UNAVAILABLE", `the directory "${key}" was deleted`);
      this.end("compacted", error);
      return;
    }
    for (const follower of [...this.#followers.keys()]) {
      if (modifiedIndex >= follower.from) this.#call(() => follower.event(answer));
    }
  }

  #failed(error: Error): void {
    if (isKeysError(error, errorCodes.historyCleared)) {
      const message = `etcd keeps 1,000 events, and what happened to "${this.#key}" from index ${this.#next} on is no longer among them`;
      return this.end("compacted", new DiscoveryError("UNAVAILABLE", message, { cause: error }));
    }
    if (
      isDiscoveryError(error, "UNAUTHENTICATED") ||
      isDiscoveryError(error, "PERMISSION_DENIED")
    ) {
      return this.end("refused", error);
    }
    this.#open = false;
    for (const [follower, state] of [...this.#followers]) {
      if (!state.opened) continue;
      state.opened = false;
      this.#call(() => follower.interrupted(error));
    }
    this.#retry();
  }

  #retry(): void {
    if (this.#ended) return;
    this.#cancelRetry = this.#clock.setTimeout(() => {
      this.#cancelRetry = undefined;
      this.#ask();
    }, this.#backoff.next());
  }

  #call(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error("an observer of a watch threw", { error });
    }
  }
}

export function isRemoval({ action }: KeysAnswer): boolean {
  return action === "delete" || action === "expire" || action === "compareAndDelete";
}
