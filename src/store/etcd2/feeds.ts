import type { Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import type { WatchEnd } from "../store.ts";
import type { Client } from "./client.ts";
import { Feed, type Follower } from "./feed.ts";

/** The feeds of a client: watches of the same key share one, as long as none would miss anything. */
export class Feeds {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #feeds = new Map<string, Set<Feed>>();

  constructor(client: Client, clock: Clock, logger: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Follows a key and, if it is a directory, all that is in it. Returns the undo. */
  follow(key: string, follower: Follower): () => void {
    const feed = this.serving(key, follower.from) ?? this.#open(key, follower.from);
    feed.add(follower);
    return () => feed.remove(follower);
  }

  /** The feed of this key that has all from this index on, if there is one. */
  serving(key: string, from: number): Feed | undefined {
    for (const feed of this.#feeds.get(key) ?? []) if (feed.serves(from)) return feed;
    return undefined;
  }

  /** Ends all of them. */
  end(reason: WatchEnd, error: Error): void {
    for (const feeds of [...this.#feeds.values()]) {
      for (const feed of [...feeds]) feed.end(reason, error);
    }
  }

  #open(key: string, from: number): Feed {
    const feeds = this.#feeds.get(key) ?? new Set<Feed>();
    this.#feeds.set(key, feeds);
    const feed = new Feed({
      client: this.#client,
      clock: this.#clock,
      logger: this.#logger,
      key,
      from,
      onIdle: (idle) => {
        feeds.delete(idle);
        if (feeds.size === 0) this.#feeds.delete(key);
      },
    });
    feeds.add(feed);
    return feed;
  }
}
