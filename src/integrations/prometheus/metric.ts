import { Counter, Gauge, type Registry, type RegistryContentType } from "prom-client";
import { refuse } from "../../model/refuse.ts";

/** A registry of prom-client, whichever format it writes. */
export type MetricsRegistry = Registry<RegistryContentType>;

/** Every name begins with this. */
const prefix = "etcd_discovery_";

export function metricName(name: string): string {
  return `${prefix}${name}`;
}

/** One series at the moment of a scrape: its labels and its value. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A metric that is made anew from what there is at each scrape. */
export interface MetricDefinition<Source> {
  readonly type: "gauge" | "counter";

  /** Without the prefix. */
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];

  /** All of its series; none: it has nothing to say. */
  readonly samples: (source: Source) => Iterable<Sample>;
}

/** Throws `INVALID_ARGUMENT` if there are metrics of such names already. */
export function assertFree(registry: MetricsRegistry, names: readonly string[]): void {
  const taken = names.find((name) => registry.getSingleMetric(name) !== undefined);
  if (taken === undefined) return;
  refuse("registry", `has a metric ${taken} already; a registry is for one discovery`);
}

/** Puts a metric into a registry. */
export function register<Source>(
  definition: MetricDefinition<Source>,
  registry: MetricsRegistry,
  source: () => Source,
): void {
  const { type, help, labels, samples } = definition;
  const name = metricName(definition.name);
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === "gauge") {
    const gauge = new Gauge({
      ...common,
      collect() {
        gauge.reset();
        // One without labels has a series after that.
        if (labels.length === 0) gauge.remove();
        for (const [sampleLabels, value] of samples(source())) gauge.set(sampleLabels, value);
      },
    });
  } else {
    const counter = new Counter({
      ...common,
      collect() {
        counter.reset();
        for (const [sampleLabels, value] of samples(source())) counter.inc(sampleLabels, value);
      },
    });
  }
}
