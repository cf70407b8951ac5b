import { optionsBag } from "../../arguments.ts";
import type { Discovery } from "../../discovery.ts";
import { kindOf, refuse } from "../../model/refuse.ts";
import { BearerToken } from "./bearer-token.ts";
import {
  type DiscoveryMetrics,
  discoveryMetrics,
  type MetricsRegistry,
} from "./discovery-metrics.ts";
import { type HttpHandler, httpHandler } from "./http-handler.ts";

export interface MetricsHandlerOptions {
  /** Where the metrics go, beside others that are served along with them. Default: a registry of their own. */
  readonly registry?: MetricsRegistry | undefined;

  /** What requests have to carry as `Authorization: Bearer …`. Default: nothing; to be given wherever others than this machine can ask. */
  readonly token?: string | undefined;

  /** Told why a scrape failed: a metric of somebody else in the registry threw. Default: nobody. */
  readonly onError?: ((error: unknown) => void) | undefined;
}

/** Serves metrics. */
export interface MetricsHandler extends HttpHandler, Disposable {
  readonly registry: MetricsRegistry;

  /** Takes off the metrics that it has made. Idempotent. */
  close(): void;
}

/**
 * A handler that answers a scrape by Prometheus with the metrics of a `Discovery`, or of whatever is in
 * the registry of a `DiscoveryMetrics`. Throws `INVALID_ARGUMENT`.
 */
export function metricsHandler(
  source: Discovery | DiscoveryMetrics,
  options?: MetricsHandlerOptions,
): MetricsHandler {
  const bag = optionsBag(options, { registry: true, token: true, onError: true });
  const { onError = () => {} } = bag;
  if (typeof onError !== "function") {
    refuse("onError", `must be a function, not ${kindOf(onError)}`);
  }
  const token = new BearerToken(bag.token);
  const isMade = typeof source === "object" && source !== null && "registry" in source;
  if (isMade && bag.registry !== undefined) {
    refuse("registry", "cannot be given beside metrics that have one");
  }
  const metrics = isMade ? source : discoveryMetrics(source, { registry: bag.registry });
  const { registry } = metrics;
  const handle = httpHandler(
    token,
    async () => ({ status: 200, type: registry.contentType, body: await registry.metrics() }),
    onError,
  );
  const close = (): void => {
    if (!isMade) metrics.close();
  };
  return Object.assign(handle, { registry, close, [Symbol.dispose]: close });
}
