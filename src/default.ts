import { optionsBag } from "./arguments.ts";
import { Discovery, type RegisterOptions } from "./discovery.ts";
import type { HostEvent } from "./find/host-event.ts";
import type { LiveOptions } from "./find/live/live-options.ts";
import type { LivePool } from "./find/live/live-pool.ts";
import type { FollowOptions, SubscribeOptions } from "./find/mirrors.ts";
import type { Query, GetOptions } from "./find/query.ts";
import type { Subscription } from "./find/subscription.ts";
import type { Host } from "./model/host.ts";
import { kindOf, refuse } from "./model/refuse.ts";
import type { HostOptions } from "./model/host-options.ts";
import type { Registration } from "./register/registration.ts";

let current: Discovery | undefined;

/**
 * The `Discovery` that the functions of this module work on: made from the environment (`ETCD_*`)
 * when it is first needed, and again after it was closed. Throws `INVALID_ARGUMENT` for an
 * environment that makes no sense.
 */
export function defaultDiscovery(): Discovery {
  if (current === undefined || current.closed) current = new Discovery();
  return current;
}

/** `register` of the {@link defaultDiscovery}. */
export function register(
  service: string,
  host: HostOptions,
  options?: RegisterOptions,
): Registration {
  return defaultDiscovery().register(service, host, options);
}

/** `get` of the {@link defaultDiscovery}. */
export function get(service: string, options?: GetOptions): Query {
  return defaultDiscovery().get(service, options);
}

/** `get` with a shard, as the original has it. */
export function getForShard(
  service: string,
  shard: string,
  options?: Omit<GetOptions, "shard">,
): Query {
  if (typeof shard !== "string") refuse("shard", `must be a string, not ${kindOf(shard)}`);
  return defaultDiscovery().get(service, {
    ...optionsBag(options, { signal: true, timeoutMs: true, maxStaleMs: true }),
    shard,
  });
}

/** `subscribe` of the {@link defaultDiscovery}. */
export function subscribe(service: string, options?: SubscribeOptions): Subscription<HostEvent> {
  return defaultDiscovery().subscribe(service, options);
}

/** `subscribeNew` of the {@link defaultDiscovery}. */
export function subscribeNew(service: string, options?: SubscribeOptions): Subscription<Host> {
  return defaultDiscovery().subscribeNew(service, options);
}

/** `subscribeDown` of the {@link defaultDiscovery}. */
export function subscribeDown(service: string, options?: FollowOptions): Subscription<Host> {
  return defaultDiscovery().subscribeDown(service, options);
}

/** `live` of the {@link defaultDiscovery}. */
export function live(service: string, options?: LiveOptions): LivePool {
  return defaultDiscovery().live(service, options);
}
