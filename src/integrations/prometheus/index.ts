export {
  type DiscoveryMetrics,
  discoveryMetrics,
  type DiscoveryMetricsOptions,
  type MetricsRegistry,
} from "./discovery-metrics.ts";
export type { HttpHandler } from "./http-handler.ts";
export { type HttpSdHandler, httpSdHandler } from "./http-sd-handler.ts";
export type { HttpSdOptions } from "./http-sd-options.ts";
export type { TargetCounts } from "./target-groups.ts";
export {
  type MetricsHandler,
  metricsHandler,
  type MetricsHandlerOptions,
} from "./metrics-handler.ts";
