import { DiscoveryError } from "../errors.ts";
import type { Host } from "../model/host.ts";
import { assertServiceName } from "../model/keys.ts";
import { checkBoolean, checkOptions, checkSignal } from "./check-options.ts";
import { EventInbox } from "./event-inbox.ts";
import { Feed } from "./feed.ts";
import type { FindContext } from "./find-context.ts";
import type { HostEvent } from "./host-event.ts";
import type { Inbox } from "./inbox.ts";
import { type Follower, Mirror } from "./mirror.ts";
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
  readonly #mirrors = new Map<string, Mirror>();
  #closed = false;

  constructor(context: FindContext) {
    this.#context = context;
  }

  /** Every host that comes, changes or goes. */
  subscribe(service: string, options: SubscribeOptions = {}): Subscription<HostEvent> {
    return this.#subscribe("subscribe", service, options, (event) => event);
  }

  /** Every host that comes. */
  subscribeNew(service: string, options: SubscribeOptions = {}): Subscription<Host> {
    const select = ({ type, host }: HostEvent) => (type === "up" ? host : undefined);
    return this.#subscribe("subscribeNew", service, options, select);
  }

  /** Every host that goes, as it was last known. */
  subscribeDown(service: string, options: FollowOptions = {}): Subscription<Host> {
    const select = ({ type, host }: HostEvent) => (type === "down" ? host : undefined);
    return this.#subscribe("subscribeDown", service, options, select);
  }

  /**
   * The service as a whole: first as it is, then whenever it is different: its hosts, its info, or
   * whether the view is live. What happens between two readings is merged.
   */
  changes(service: string, options: FollowOptions = {}): Subscription<ServiceView> {
    checkOptions("changes", options);
    return this.#open("changes", service, options.signal, new ViewInbox());
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

  #subscribe<T>(
    call: string,
    service: string,
    options: SubscribeOptions,
    select: (event: HostEvent) => T | undefined,
  ): Subscription<T> {
    checkOptions(call, options);
    const { existing = false, signal } = options;
    checkBoolean(call, "existing", existing);
    return this.#open(call, service, signal, new EventInbox(existing, select));
  }

  #open<T>(
    call: string,
    service: string,
    signal: AbortSignal | undefined,
    inbox: Inbox<T>,
  ): Subscription<T> {
    assertServiceName(service);
    checkSignal(call, signal);
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
