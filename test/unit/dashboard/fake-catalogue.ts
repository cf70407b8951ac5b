import type { CatalogueEvent } from "../../../src/catalogue/catalogue.ts";
import type { CatalogueSource } from "../../../src/dashboard/dashboard-view.ts";
import { Host } from "../../../src/model/host.ts";
import type { HostRecord, InfoRecord } from "../../../src/model/record.ts";
import { Service } from "../../../src/model/service.ts";
import { noStrings } from "../../../src/model/strings.ts";

/** A host as it would come from etcd. */
export function hostOf(service: string, uuid: string, fields: Partial<HostRecord> = {}): Host {
  return new Host({
    uuid,
    serviceName: service,
    hostname: `${uuid}.internal`,
    ports: { http: "8080" },
    user: "",
    password: "",
    public: false,
    privateHostname: `${uuid}.internal`,
    privatePorts: { http: "8080" },
    critical: false,
    shard: "",
    draining: false,
    ...fields,
  });
}

export function infoOf(name: string, fields: Partial<InfoRecord> = {}): Service {
  return new Service({
    name,
    critical: false,
    hostname: "",
    user: "",
    password: "",
    ports: noStrings,
    public: false,
    ...fields,
  });
}

type Known = CatalogueSource["services"] extends ReadonlyMap<string, infer S> ? S : never;

/** A catalogue that says what a test wants it to. */
export class FakeCatalogue implements CatalogueSource {
  readonly services: Map<string, Known> = new Map();
  readonly #listeners = new Set<(event: CatalogueEvent) => void>();
  ready: boolean = true;
  freshness: CatalogueSource["freshness"] = { source: "live", ageMs: 0, lastError: undefined };

  on(listener: (event: CatalogueEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  service(name: string, hosts: readonly Host[] = [], info?: Service): void {
    const freshness = { source: "live", revision: 1, ageMs: 0 } as const;
    this.services.set(name, { name, info, hosts, freshness, lastError: undefined });
    this.tell({ type: "service", service: name });
  }

  up(host: Host): void {
    this.#put(host);
    this.tell({ type: "up", host, service: host.serviceName });
  }

  update(host: Host, previous: Host): void {
    this.#put(host);
    this.tell({ type: "update", host, previous, service: host.serviceName });
  }

  down(host: Host, reason: "unregistered" | "expired" | "resync" = "unregistered"): void {
    const known = this.services.get(host.serviceName);
    const hosts = (known?.hosts ?? []).filter(({ uuid }) => uuid !== host.uuid);
    if (known !== undefined) this.services.set(known.name, { ...known, hosts });
    this.tell({ type: "down", host, reason, service: host.serviceName });
  }

  gone(service: string): void {
    this.services.delete(service);
    this.tell({ type: "gone", service });
  }

  away(error: Error): void {
    this.freshness = { source: "stale", ageMs: 0, lastError: error };
    this.tell({ type: "freshness" });
  }

  tell(event: CatalogueEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #put(host: Host): void {
    if (!this.services.has(host.serviceName)) this.service(host.serviceName);
    const known = this.services.get(host.serviceName);
    if (known === undefined) return;
    const others = known.hosts.filter(({ uuid }) => uuid !== host.uuid);
    this.services.set(known.name, { ...known, hosts: [...others, host] });
  }
}
