import { optionalSignal, optionsBag, signalOf } from "../arguments.ts";
import { DiscoveryError } from "../errors.ts";
import type { Host } from "../model/host.ts";
import { assertServiceName } from "../model/keys.ts";
import { kindOf, refuse } from "../model/refuse.ts";
import { EventInbox } from "./event-inbox.ts";
import { Feed } from "./feed.ts";
import type { FindContext } from "./find-context.ts";
import type { Follower } from "./follower.ts";
import type { HostEvent } from "./host-event.ts";
import type { Inbox } from "./inbox.ts";
import { checkLiveOptions, type LiveOptions } from "./live/live-options.ts";
import { type LiveContext, LivePool } from "./live/live-pool.ts";
import { type PoolFigures, PoolTotals } from "./live/pool-totals.ts";
import { Mirror } from "./mirror.ts";
import type { Subscription } from "./subscription.ts";
import { type ServiceView, ViewInbox } from "./view-inbox.ts";

export interface FollowOptions {
  /** Ends the subscription: whoever reads it is thrown `signal.reason`. */
  readonly signal?: AbortSignal | undefined;
}

export interface SubscribeOptions extends FollowOptions {
  /** Whether the hosts that are already there are told first, as `up`; false by default. */
  readonly existing?: boolean | undefined;
}

/**
 * The mirrors of one `Discovery`, one for each service that is followed, made with its first
 * follower and closed with its last. All methods throw `INVALID_ARGUMENT` for an argument that they
 * refuse, and `CLOSED` after {@link close}.
 */
export class Mirrors {
  readonly #context: FindContext;
  readonly #liveContext: LiveContext;
  readonly #mirrors = new Map<string, Mirror>();
  readonly #pools = new Set<LivePool>();
  readonly #totals = new PoolTotals();
  #closed = false;

  constructor(context: FindContext) {
    this.#context = context;
    this.#liveContext = {
      ...context,
      follow: (service, follower) => this.follow(service, follower),
      ended: (pool) => {
        if (this.#pools.delete(pool)) this.#totals.add(pool);
      },
    };
  }

  /** Every host that comes, changes or goes. */
  subscribe(service: string, options?: SubscribeOptions | undefined): Subscription<HostEvent> {
    return this.#subscribe(service, options, (event) => event);
  }

  /** Every host that comes. */
  subscribeNew(service: string, options?: SubscribeOptions | undefined): Subscription<Host> {
    const select = ({ type, host }: HostEvent) => (type === "up" ? host : undefined);
    return this.#subscribe(service, options, select);
  }

  /** Every host that goes, as it was last known. */
  subscribeDown(service: string, options?: FollowOptions | undefined): Subscription<Host> {
    const select = ({ type, host }: HostEvent) => (type === "down" ? host : undefined);
    return this.#subscribe(service, options, select);
  }

  /**
   * The service as a whole: first as it is, then whenever it is different: its hosts, its info, or
   * whether the view is live. What happens between two readings is merged.
   */
  changes(service: string, options?: FollowOptions | undefined): Subscription<ServiceView> {
    return this.#open(service, signalOf(options), new ViewInbox());
  }

  /** The hosts of a service, kept in memory, to pick from. */
  live(service: string, options?: LiveOptions | undefined): LivePool {
    assertServiceName(service);
    const settings = checkLiveOptions(options, this.#context.random);
    this.#assertOpen(service);
    const pool = new LivePool(service, settings, this.#liveContext);
    this.#pools.add(pool);
    return pool;
  }

  /** What is known of a service that is followed now. */
  get(service: string): Mirror | undefined {
    return this.#mirrors.get(service);
  }

  /** Those that are followed now. */
  get all(): Iterable<Mirror> {
    return this.#mirrors.values();
  }

  /** What live pools have done, by service. */
  get poolFigures(): PoolFigures[] {
    return this.#totals.figures(this.#pools);
  }

  /** Makes somebody a follower of a service's mirror, until the returned function is called. */
  follow(service: string, follower: Follower): () => void {
    assertServiceName(service);
    this.#assertOpen(service);
    const mirror = this.#mirrors.get(service) ?? new Mirror(service, this.#context);
    this.#mirrors.set(service, mirror);
    const unfollow = mirror.follow(follower);
    return () => {
      unfollow();
      if (mirror.followed) return;
      if (this.#mirrors.get(service) === mirror) this.#mirrors.delete(service);
      mirror.close();
    };
  }

  /** Ends every mirror and whatever follows one. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const mirror of [...this.#mirrors.values()]) mirror.close();
    this.#mirrors.clear();
  }

  /** Resolves when nothing is under way any more of the pools that have ended. Never rejects. */
  async ended(): Promise<void> {
    await Promise.all(Array.from(this.#pools, (pool) => pool.close()));
  }

  #subscribe<T>(
    service: string,
    options: SubscribeOptions | undefined,
    select: (event: HostEvent) => T | undefined,
  ): Subscription<T> {
    const { existing = false, signal } = optionsBag(options, { signal: true, existing: true });
    if (typeof existing !== "boolean")
      refuse("existing", `must be a boolean, not ${kindOf(existing)}`);
    return this.#open(service, signal, new EventInbox(existing, select));
  }

  #open<T>(service: string, signal: AbortSignal | undefined, inbox: Inbox<T>): Subscription<T> {
    assertServiceName(service);
    optionalSignal(signal);
    this.#assertOpen(service);
    const feed = new Feed(service, inbox, this.#context.hold);
    feed.begin(signal, () => this.follow(service, feed));
    return feed;
  }

  #assertOpen(service: string): void {
    if (!this.#closed) return;
    throw new DiscoveryError("CLOSED", `following ${service}: the discovery was closed`);
  }
}
