import { experimental } from "@grpc/grpc-js";
import type { LivePool } from "../../find/live/live-pool.ts";
import type { Host } from "../../model/host.ts";
import type { Backend } from "./backends.ts";
import type { ResolverSettings } from "./resolver-options.ts";
import type { Target } from "./target.ts";

/** As a service config names the balancing by a live pool. */
export const balancerName = "etcd_discovery";

/** What a resolver tells the balancing. */
export interface Resolution {
  readonly target: Target;
  readonly settings: Pick<ResolverSettings, "credentials" | "key">;
  readonly pool: LivePool;

  /** What the pool picked from when it was told. */
  readonly pickable: readonly Host[];

  /** Those of them that can be called. */
  readonly backends: readonly Backend[];
}

/** Where a {@link Resolution} is among the attributes; what begins like this is no part of a connection's identity. */
export const resolutionAttribute: string = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.${balancerName}`;

/** There is nothing to configure: the pool has all the options. */
export class BalancerConfig implements experimental.TypedLoadBalancingConfig {
  static createFromJson(): BalancerConfig {
    return new BalancerConfig();
  }

  getLoadBalancerName(): string {
    return balancerName;
  }

  toJsonObject(): object {
    return { [balancerName]: {} };
  }
}
