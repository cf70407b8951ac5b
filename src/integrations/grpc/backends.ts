import { experimental } from "@grpc/grpc-js";
import type { Host } from "../../model/host.ts";
import type { Target } from "./target.ts";

/** A host as a channel sees it. */
export interface Backend {
  readonly host: Host;

  /** `hostname:port`, an IPv6 address in brackets. */
  readonly address: string;
}

/** Where the hosts are called, and why those that are left out cannot be. */
export function backendsOf(
  hosts: readonly Host[],
  target: Target,
): { readonly backends: readonly Backend[]; readonly unusable: unknown } {
  const backends: Backend[] = [];
  let unusable: unknown;
  for (const host of hosts) {
    try {
      const address = target.private ? host.privateAddress(target.port) : host.address(target.port);
      backends.push({ host, address });
    } catch (error) {
      unusable ??= error;
    }
  }
  return { backends, unusable };
}

/** Whether there is nothing new for balancing that knows addresses and weights alone. */
export function sameBackends(one: readonly Backend[], other: readonly Backend[]): boolean {
  return (
    one.length === other.length &&
    one.every(({ host, address }, index) => {
      const same = other[index];
      return address === same?.address && host.weight === same.host.weight;
    })
  );
}

/** As gRPC has it. A hostname is looked up when the connection is made. */
export function endpointOf({ address }: Backend): experimental.Endpoint {
  const { host, port } = experimental.splitHostPort(address) ?? { host: address };
  return { addresses: [{ host, port: port ?? 0 }] };
}

/** However the weights are, there are not more endpoints than so many times the hosts. */
const mostRepeats = 20;

/**
 * For balancing that knows no weights, such as gRPC's own `round_robin`: each as often as its weight
 * says. A host that is there several times has one connection all the same.
 */
export function weightedEndpoints(backends: readonly Backend[]): experimental.Endpoint[] {
  const weights = backends.map(({ host }) => host.weight);
  const least = Math.min(...weights);
  const sum = weights.reduce((total, weight) => total + weight / least, 0);
  const scale = Math.min(1, (backends.length * mostRepeats) / sum) / least;
  return backends.flatMap((backend) => {
    const endpoint = endpointOf(backend);
    return Array.from(
      { length: Math.max(1, Math.round(backend.host.weight * scale)) },
      () => endpoint,
    );
  });
}
