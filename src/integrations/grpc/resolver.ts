import { type ChannelOptions, experimental, Metadata, status } from "@grpc/grpc-js";
import { type Backend, endpointOf, sameBackends, weightedEndpoints } from "./backends.ts";
import { resolutionAttribute } from "./balancer-config.ts";
import { Following, type News } from "./following.ts";
import type { Pools } from "./pools.ts";
import type { ResolverSettings } from "./resolver-options.ts";
import { type ChannelConfig, channelConfig } from "./service-config.ts";
import { refuse } from "../../model/refuse.ts";
import { parseTarget } from "./target.ts";

/** What gRPC makes the resolvers of a scheme from; it does not export the type itself. */
export type ResolverClass = Parameters<typeof experimental.registerResolver>[1];

/** The resolvers of one scheme. */
export function resolverClass(pools: Pools, settings: ResolverSettings): ResolverClass {
  return class extends EtcdResolver {
    static getDefaultAuthority(uri: experimental.GrpcUri): string {
      return parseTarget(uri, settings).authority;
    }

    constructor(
      uri: experimental.GrpcUri,
      listener: experimental.ResolverListener,
      options: ChannelOptions,
    ) {
      const target = parseTarget(uri, settings);
      const config = channelConfig(options);
      if (!config.own && settings.credentials) {
        refuse(
          "credentials",
          "are sent by the balancing of etcd-discovery alone: leave loadBalancingConfig out of grpc.service_config",
        );
      }
      super(() => {
        const channel = new Channel(listener, config);
        return new Following(pools, target, settings, (news) => channel.inform(news));
      });
    }
  };
}

/** Tells one channel where to call, from when it is first used on. */
class EtcdResolver implements experimental.Resolver {
  readonly #follow: () => Following;
  #following: Following | undefined;

  constructor(follow: () => Following) {
    this.#follow = follow;
  }

  /**
   * Asked for when the channel is used first, or again after it was idle, and again and again while
   * nobody can be reached. What is known was told already then: to repeat it makes gRPC ask at once again.
   */
  updateResolution(): void {
    this.#following ??= this.#follow();
  }

  destroy(): void {
    this.#following?.end();
    this.#following = undefined;
  }
}

/** The side of a resolver that speaks to gRPC, for as long as it follows. */
class Channel {
  readonly #listener: experimental.ResolverListener;
  readonly #channel: ChannelConfig;
  #told: readonly Backend[] = [];

  constructor(listener: experimental.ResolverListener, channel: ChannelConfig) {
    this.#listener = listener;
    this.#channel = channel;
  }

  inform({ resolution, failure }: News): void {
    const { config, own } = this.#channel;
    const backends = resolution?.backends ?? [];
    const attributes = resolution === undefined ? {} : { [resolutionAttribute]: resolution };
    // Others begin anew with each list.
    const known = !own && backends.length > 0 && sameBackends(backends, this.#told);
    this.#told = backends;
    if (known) return;
    const endpoints = own ? backends.map(endpointOf) : weightedEndpoints(backends);
    if (failure === undefined || resolution !== undefined) {
      const value = experimental.statusOrFromValue(endpoints);
      this.#listener(value, attributes, config, failure ?? "");
    }
    // The empty list alone would leave calls waiting, and an error alone is nothing to who has hosts.
    if (failure !== undefined) {
      const { UNAVAILABLE: code } = status;
      const error = { code, details: failure, metadata: new Metadata() };
      this.#listener(experimental.statusOrFromError(error), attributes, config, "");
    }
  }
}
