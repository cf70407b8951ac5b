import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { Counter, Histogram } from "prom-client";
import type { RpcEvent } from "../../diagnostics.ts";
import { type MetricsRegistry, metricName } from "./metric.ts";

/** From half a millisecond to five seconds, in seconds. */
const buckets = [0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000].map(
  (milliseconds) => milliseconds / 1_000,
);

/** What is asked of etcd by each API. */
export const rpcMethods: Readonly<Record<2 | 3, readonly string[]>> = {
  2: ["Keys/Get", "Keys/Put", "Keys/Delete", "Keys/Watch", "Members/Leader"],
  3: [
    "KV/Range",
    "KV/Txn",
    "Lease/LeaseGrant",
    "Lease/LeaseKeepAlive",
    "Lease/LeaseRevoke",
    "Lease/LeaseTimeToLive",
    "Watch/Watch",
    "Auth/Authenticate",
    "Cluster/MemberList",
    "Maintenance/Status",
  ],
};

/** The codes that alerts are about: there from the beginning, so that the first one is an increase. */
const codes = ["OK", "UNAVAILABLE", "DEADLINE_EXCEEDED"];

const channel = "etcd-discovery:rpc";

const [total, duration] = ["rpcs_total", "rpc_duration_seconds"] as const;

/** What the metrics are called. */
export const rpcMetricNames: readonly string[] = [total, duration];

/** Counts the requests of one `Discovery` from now on. */
export class RpcMetrics {
  readonly #discovery: string;
  readonly #rpcs: Counter<"method" | "code">;
  readonly #durations: Histogram<"method">;

  /** @param api undefined: there are no requests to etcd */
  constructor(discovery: string, api: 2 | 3 | undefined, registry: MetricsRegistry) {
    this.#discovery = discovery;
    this.#rpcs = new Counter({
      name: metricName(total),
      help: "Requests to etcd that are over, by method and code; each attempt counts.",
      labelNames: ["method", "code"],
      registers: [registry],
    });
    this.#durations = new Histogram({
      name: metricName(duration),
      help: "How long requests to etcd took, connecting included; without streams.",
      labelNames: ["method"],
      buckets,
      registers: [registry],
    });
    for (const method of api === undefined ? [] : rpcMethods[api]) {
      for (const code of codes) this.#rpcs.inc({ method, code }, 0);
    }
    subscribe(channel, this.#take);
  }

  close(): void {
    unsubscribe(channel, this.#take);
  }

  readonly #take = (message: unknown): void => {
    const { discovery, method, code, durationMs, stream } = message as RpcEvent;
    if (discovery !== this.#discovery) return;
    this.#rpcs.inc({ method, code });
    if (!stream) this.#durations.observe({ method }, durationMs / 1_000);
  };
}
