import { Catalogue } from "../../catalogue/catalogue.ts";
import type { Discovery } from "../../discovery.ts";
import { kindOf, refuse } from "../../model/refuse.ts";
import { type HttpAnswer, type HttpHandler, httpHandler, sentence } from "./http-handler.ts";
import { checkHttpSdOptions, type HttpSdOptions } from "./http-sd-options.ts";
import { assertFree, type MetricDefinition, metricName, register } from "./metric.ts";
import { type TargetCounts, targetGroups } from "./target-groups.ts";
import { type KnownServices, knownServices } from "./known-services.ts";

/** Serves the hosts of services as targets of Prometheus. */
export interface HttpSdHandler extends HttpHandler, AsyncDisposable {
  /** What has become of the hosts in the last answer; all 0 before the first. */
  readonly counts: TargetCounts;

  /** Ends what it has begun: from now on it answers 503, so that Prometheus keeps the list that it has. Idempotent, never rejects. */
  close(): Promise<void>;
}

const targets: MetricDefinition<TargetCounts> = {
  type: "gauge",
  name: "http_sd_targets",
  help: "Hosts in the last answer to http_sd, by what became of them.",
  labels: ["result"],
  samples: ({ listed, malformed, withoutPort }) => [
    [{ result: "listed" }, listed],
    [{ result: "malformed" }, malformed],
    [{ result: "without_port" }, withoutPort],
  ],
};

/**
 * A handler that answers Prometheus' `http_sd` with the hosts of services, each a target of its own. While
 * nothing is known yet it answers 503; from then on the list known last, however long etcd is away. No label
 * has a user or a password.
 *
 * All services are followed from now on until `close()`, those given alone if there are `services`; until
 * then the process is kept alive. Throws `INVALID_ARGUMENT`.
 */
export function httpSdHandler(discovery: Discovery, options?: HttpSdOptions): HttpSdHandler;
/** @internal With a catalogue that is there already, which stays its owner's. */
export function httpSdHandler(catalogue: Catalogue, options?: HttpSdOptions): HttpSdHandler;
export function httpSdHandler(
  source: Catalogue | Discovery,
  options?: HttpSdOptions,
): HttpSdHandler {
  const { registry, rules, services, token } = checkHttpSdOptions(options);
  const name = metricName(targets.name);
  if (registry !== undefined) assertFree(registry, [name]);
  const counts = { listed: 0, withoutPort: 0, malformed: 0 };
  const known = open(source, services);
  let closed = false;
  const answer = (): HttpAnswer => {
    if (closed) return sentence(503, "this is not served any longer");
    const hosts = known.hosts();
    if (hosts === undefined) {
      return sentence(503, "the hosts are not known yet", { "retry-after": "1" });
    }
    const made = targetGroups(hosts, rules);
    Object.assign(counts, made.counts);
    return { status: 200, type: "application/json", body: JSON.stringify(made.groups) };
  };
  const handle = httpHandler(token, answer, () => {});
  if (registry !== undefined) register(targets, registry, () => counts);
  const close = async (): Promise<void> => {
    if (closed) return;
    closed = true;
    registry?.removeSingleMetric(name);
    await known.close();
  };
  return Object.assign(handle, { counts, close, [Symbol.asyncDispose]: close });
}

function open(
  source: Catalogue | Discovery,
  services: readonly string[] | undefined,
): KnownServices {
  const given = source as { readonly services?: unknown; readonly changes?: unknown } | null;
  if (given?.services instanceof Map) return knownServices(source as Catalogue, services);
  if (typeof given?.changes !== "function") {
    refuse("discovery", `must be a Discovery, not ${kindOf(source)}`);
  }
  const discovery = source as Discovery;
  const catalogue = new Catalogue(discovery, { services });
  const known = knownServices(catalogue, services);
  return {
    // What was known when it ended says nothing of later.
    hosts: () => (discovery.closed ? undefined : known.hosts()),
    close: () => catalogue.close(),
  };
}
