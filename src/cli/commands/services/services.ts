import { Catalogue, type CatalogueService } from "../../../catalogue/catalogue.ts";
import { DiscoveryError } from "../../../errors.ts";
import type { CommandContext } from "../../command-context.ts";
import type { Columns } from "../../output.ts";

const columns: Columns<CatalogueService> = [
  ["SERVICE", ({ name }) => name],
  ["HOSTS", ({ hosts }) => String(hosts.length)],
  ["DRAINING", (service) => String(draining(service) || "")],
  ["SHARDS", (service) => shards(service).join(",")],
  ["PUBLIC", ({ info }) => (info?.public ? "yes" : "")],
  ["CRITICAL", (service) => (critical(service) ? "yes" : "")],
];

/** Lists the services. */
export async function run(
  context: CommandContext,
  _args: readonly string[],
  { alive }: { readonly alive?: boolean },
): Promise<undefined> {
  context.refuseRest();
  const { discovery, output, signal } = context;
  const names = await discovery.services({ alive, signal });
  await using catalogue = new Catalogue(discovery, { services: names });
  const timeoutMs = context.options.timeoutMs ?? 5_000;
  const late = AbortSignal.timeout(Math.ceil(timeoutMs));
  await catalogue.waitReady({ signal: AbortSignal.any([signal, late]) }).catch((error: unknown) => {
    if (!late.aborted || signal.aborted) throw error;
    const what = `the hosts of ${names.length} services were not read within ${timeoutMs} ms`;
    throw new DiscoveryError("TIMEOUT", what);
  });
  const services = [...catalogue.services.values()];
  for (const { lastError } of services) if (lastError !== undefined) throw lastError;
  output.rows(columns, services, (service) => ({
    service: service.name,
    hosts: service.hosts.length,
    draining: draining(service),
    shards: shards(service),
    public: service.info?.public ?? false,
    critical: critical(service),
  }));
  if (services.length === 0) output.note(`No services in ${context.where}.`);
  return undefined;
}

function draining({ hosts }: CatalogueService): number {
  return hosts.filter((host) => host.draining).length;
}

function shards({ hosts }: CatalogueService): string[] {
  return [...new Set(hosts.map(({ shard }) => shard))].filter((shard) => shard !== "").sort();
}

function critical({ hosts, info }: CatalogueService): boolean {
  return info?.critical === true || hosts.some((host) => host.critical);
}
