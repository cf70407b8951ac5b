import type { Catalogue, CatalogueService } from "../../catalogue/catalogue.ts";
import type { Host } from "../../model/host.ts";

/** What is to be told of a catalogue. */
export interface KnownServices {
  /** All hosts as they were known last; undefined as long as none ever were. */
  hosts(): Iterable<Host> | undefined;
  close(): Promise<void>;
}

/** @param names the services that are to be told; undefined: all */
export function knownServices(
  catalogue: Catalogue,
  names: readonly string[] | undefined,
): KnownServices {
  const wanted = names && new Set(names);
  let known = false;
  const told = (): CatalogueService[] =>
    Array.from(catalogue.services.values()).filter(({ name }) => wanted?.has(name) !== false);
  const look = (): boolean => {
    if (!catalogue.ready) return false;
    const services = told();
    // It is ready, too, when etcd has refused to tell: then there is nothing, and a reason.
    if (services.length === 0) return catalogue.freshness.lastError === undefined;
    // All of them, as Prometheus drops what an answer leaves out: after a refusal they come one by one.
    const open = services.some(
      ({ freshness, lastError }) => freshness === undefined && lastError === undefined,
    );
    return !open && services.some(({ freshness }) => freshness !== undefined);
  };
  return {
    hosts() {
      known ||= look();
      return known ? told().flatMap((service) => service.hosts) : undefined;
    },
    async close() {},
  };
}
