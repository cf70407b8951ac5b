import { experimental } from "@grpc/grpc-js";
import type { Discovery } from "../../discovery.ts";
import { DiscoveryError } from "../../errors.ts";
import { kindOf, refuse } from "../../model/refuse.ts";
import { registerBalancer } from "./balancer.ts";
import { Pools } from "./pools.ts";
import { type ResolverClass, resolverClass } from "./resolver.ts";
import { checkResolverOptions, type EtcdResolverOptions } from "./resolver-options.ts";

/** Schemes that are registered and not taken back. */
const registered = new Set<string>();

/**
 * Makes targets such as `etcd:///my-service` known to `@grpc/grpc-js`: a client of one calls the live
 * hosts of the service, by turns and by their weights, and follows them as they come and go. Hosts
 * that drain or fail get no calls while others live.
 *
 * Returns its undo, after which there are no new clients of the scheme, and those that there are fail
 * their calls. Throws `INVALID_ARGUMENT`, also for a scheme that is registered already.
 *
 * @param discovery whose services targets name; default: the `defaultDiscovery()`. When it is closed,
 * calls fail with `UNAVAILABLE`.
 */
export function registerEtcdResolver(
  discovery?: Discovery | undefined,
  options?: EtcdResolverOptions | undefined,
): () => void {
  assertDiscovery(discovery);
  const settings = checkResolverOptions(options);
  const { scheme } = settings;
  if (registered.has(scheme)) {
    refuse(
      "scheme",
      `"${scheme}" is registered already; take that back first, or give another one`,
    );
  }
  const pools = new Pools(discovery, settings);
  registerBalancer();
  experimental.registerResolver(scheme, resolverClass(pools, settings));
  registered.add(scheme);
  let undone = false;
  return () => {
    if (undone) return;
    undone = true;
    registered.delete(scheme);
    // gRPC forgets no scheme.
    experimental.registerResolver(scheme, takenBack(scheme));
    pools.end();
  };
}

/** Throws `INVALID_ARGUMENT`. */
export function assertDiscovery(discovery: Discovery | undefined): void {
  if (discovery === undefined || typeof discovery?.live === "function") return;
  refuse(
    "discovery",
    `must be a Discovery, or undefined for the default one, not ${kindOf(discovery)}`,
  );
}

function takenBack(scheme: string): ResolverClass {
  const refuseTarget = (): never => {
    throw new DiscoveryError("CLOSED", `the resolver of ${scheme}: targets was taken back`);
  };
  return class {
    static getDefaultAuthority(): string {
      return refuseTarget();
    }

    constructor() {
      refuseTarget();
    }

    updateResolution(): void {}

    destroy(): void {}
  };
}
