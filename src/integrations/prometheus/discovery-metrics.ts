import { Registry } from "prom-client";
import { optionsBag } from "../../arguments.ts";
import type { Discovery } from "../../discovery.ts";
import type { Health } from "../../health.ts";
import { kindOf, refuse } from "../../model/refuse.ts";
import { healthMetrics } from "./health-metrics.ts";
import { assertFree, type MetricsRegistry, metricName, register } from "./metric.ts";
import { RpcMetrics, rpcMetricNames } from "./rpc-metrics.ts";

export type { MetricsRegistry } from "./metric.ts";

export interface DiscoveryMetricsOptions {
  /** Where the metrics go, beside others. Default: a registry of their own; never prom-client's global one. */
  readonly registry?: MetricsRegistry | undefined;
}

/** The metrics of one `Discovery` in a registry. */
export interface DiscoveryMetrics extends Disposable {
  readonly registry: MetricsRegistry;

  /** Takes them off the registry, and counts no more. Idempotent. */
  close(): void;
}

/**
 * Metrics of a `Discovery` by prom-client: its registrations, its lease, what it follows, its live pools
 * and its requests to etcd, which are counted from now on. The names begin with `etcd_discovery_`; no
 * label has a host, a uuid or the text of an error. A registry has room for the metrics of one `Discovery`.
 * Throws `INVALID_ARGUMENT`.
 */
export function discoveryMetrics(
  discovery: Discovery,
  options?: DiscoveryMetricsOptions,
): DiscoveryMetrics {
  if (typeof (discovery as Partial<Discovery> | null | undefined)?.health !== "function") {
    refuse("discovery", `must be a Discovery, not ${kindOf(discovery)}`);
  }
  const registry = checkRegistry(optionsBag(options, { registry: true }).registry);
  const names = [...healthMetrics.map(({ name }) => name), ...rpcMetricNames].map(metricName);
  assertFree(registry, names);
  const health = once(() => discovery.health());
  for (const definition of healthMetrics) register(definition, registry, health);
  const rpcs = new RpcMetrics(discovery.id, discovery.health().etcd.api, registry);
  let closed = false;
  const close = (): void => {
    if (closed) return;
    closed = true;
    rpcs.close();
    for (const name of names) registry.removeSingleMetric(name);
  };
  return { registry, close, [Symbol.dispose]: close };
}

/** The same answer for all who ask at one moment: a scrape asks for each metric. */
function once(look: () => Health): () => Health {
  let seen: Health | undefined;
  return () => {
    if (seen === undefined) {
      seen = look();
      queueMicrotask(() => (seen = undefined));
    }
    return seen;
  };
}

/** A registry of any copy of prom-client. Throws `INVALID_ARGUMENT`. */
export function checkRegistry(registry: MetricsRegistry | undefined): MetricsRegistry {
  if (registry === undefined) return new Registry();
  if (typeof (registry as Partial<MetricsRegistry> | null)?.registerMetric === "function") {
    return registry;
  }
  refuse("registry", `must be a Registry of prom-client, not ${kindOf(registry)}`);
}
