import type { Health } from "../../health.ts";
import { version } from "../../version.ts";
import type { MetricDefinition, Sample } from "./metric.ts";

/** The states of a registration that has not ended: each has its series from the beginning. */
const states = ["registering", "registered", "lost", "draining", "unhealthy"];

/** What is read from the health of a `Discovery` at each scrape. */
export const healthMetrics: readonly MetricDefinition<Health>[] = [
  gauge("build_info", "The version of etcd-discovery; always 1.", ["version"], () => [
    [{ version }, 1],
  ]),
  gauge("etcd_reachable", "Whether an etcd endpoint is in use (1) or none is (0).", [], (health) =>
    alone(health.etcd.endpoint === undefined ? 0 : 1),
  ),
  gauge(
    "etcd_answer_age_seconds",
    "How long ago anything last came from etcd.",
    [],
    ({ etcd: { lastAnswerMs } }) => (lastAnswerMs === undefined ? [] : alone(lastAnswerMs / 1_000)),
  ),
  gauge("etcd_revision", "The newest revision that etcd has told of.", [], ({ etcd }) =>
    alone(etcd.revision),
  ),
  gauge("registrations", "Registrations that have not ended, by state.", ["state"], byState),
  gauge("lease_ttl_seconds", "What etcd granted the lease of all registrations.", [], ({ lease }) =>
    lease === undefined ? [] : alone(lease.ttlSeconds),
  ),
  gauge(
    "lease_age_seconds",
    "How long ago the lease was granted; small again after it was lost.",
    [],
    ({ lease }) => (lease === undefined ? [] : alone(lease.ageMs / 1_000)),
  ),
  gauge(
    "lease_remaining_seconds",
    "How long the lease lives without another answer from etcd.",
    [],
    ({ lease }) => (lease === undefined ? [] : alone(lease.remainingMs / 1_000)),
  ),
  ofServices(
    "mirror_revision",
    "The revision up to which a followed service is known.",
    (service) => service.revision,
  ),
  ofServices(
    "mirror_hosts",
    "Hosts that are known of a followed service.",
    (service) => service.hosts,
  ),
  ofServices(
    "mirror_stale_seconds",
    "For how long a followed service could not be followed; 0 while it is live.",
    (service) => service.ageMs / 1_000,
  ),
  {
    ...{ type: "counter", name: "resyncs_total", labels: ["reason"] },
    help: "How often a followed service was listed again, by reason.",
    samples: ({ totals }) =>
      Object.entries(totals.resyncs).map(([reason, count]) => [{ reason }, count]),
  },
  {
    ...{ type: "counter", name: "drift_repaired_total", labels: [] },
    help: "Changes that etcd never told of, and a comparison found.",
    samples: ({ totals }) => alone(totals.driftRepaired),
  },
  ofPools("counter", "picks_total", "Hosts that live pools have picked.", ({ picks }) => picks),
  ofPools(
    "counter",
    "ejections_total",
    "How often live pools have ejected a host because it failed.",
    ({ ejections }) => ejections,
  ),
  ofPools(
    "gauge",
    "ejected",
    "Hosts that live pools leave alone now because they failed.",
    ({ ejected }) => ejected,
  ),
  {
    ...{ type: "counter", name: "stalls_total", labels: [] },
    help: "How often this process was found to have stood still for a second or longer.",
    samples: ({ stalls }) => alone(stalls),
  },
];

function alone(value: number): readonly Sample[] {
  return [[{}, value]];
}

function byState({ registrations }: Health): Iterable<Sample> {
  const counts = new Map(states.map((state) => [state, 0]));
  for (const { state } of registrations) {
    if (state !== "closed") counts.set(state, (counts.get(state) ?? 0) + 1);
  }
  return Array.from(counts, ([state, count]) => [{ state }, count] as const);
}

function gauge(
  name: string,
  help: string,
  labels: readonly string[],
  samples: MetricDefinition<Health>["samples"],
): MetricDefinition<Health> {
  return { type: "gauge", name, help, labels, samples };
}

function ofServices(
  name: string,
  help: string,
  value: (service: Health["services"][number]) => number,
): MetricDefinition<Health> {
  return gauge(name, help, ["service"], ({ services }) =>
    services.map((each) => [{ service: each.service }, value(each)]),
  );
}

function ofPools(
  type: "gauge" | "counter",
  name: string,
  help: string,
  value: (pool: Health["pools"][number]) => number,
): MetricDefinition<Health> {
  const samples: MetricDefinition<Health>["samples"] = ({ pools }) =>
    pools.map((each) => [{ service: each.service }, value(each)]);
  return { type, name, help, labels: ["service"], samples };
}
