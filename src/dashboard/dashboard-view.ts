import type { Catalogue, CatalogueEvent } from "../catalogue/catalogue.ts";
import type { Host } from "../model/host.ts";
import { Dirty } from "./dirty.ts";
import { EventLog } from "./event-log.ts";
import { Trust } from "./trust.ts";
import { hostKeyOf, wireHost, wireService } from "./wire-host.ts";
import type { WireHost, WireLogEntry, WireService, WireState, WireUpdate } from "./wire.ts";

/** What a view needs of a catalogue. */
export type CatalogueSource = Pick<Catalogue, "freshness" | "on" | "ready" | "services">;

export interface ViewOptions {
  /** The endpoint in use, to be shown. */
  readonly endpoint?: (() => string | undefined) | undefined;

  /** The time of day in milliseconds since 1970. */
  readonly now?: (() => number) | undefined;

  /** Called when something is different. */
  readonly changed: () => void;
}

/** So many hosts go in one piece of all there is. */
const hostsAPiece = 250;

/** All that the page shows, kept up to date with a catalogue, without anything that signs in. */
export class DashboardView {
  readonly #catalogue: CatalogueSource;
  readonly #options: ViewOptions;
  readonly #now: () => number;
  readonly #services = new Map<string, WireService>();
  readonly #hosts = new Map<string, WireHost>();
  readonly #log = new EventLog();
  readonly #stop: () => void;
  readonly watchingSince: number;
  readonly #trust: Trust;
  #dirty = new Dirty();

  constructor(catalogue: CatalogueSource, options: ViewOptions) {
    this.#catalogue = catalogue;
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.watchingSince = this.#now();
    this.#trust = new Trust(catalogue, { endpoint: options.endpoint, now: this.#now });
    for (const { name, hosts } of catalogue.services.values()) {
      this.#putService(name);
      for (const host of hosts) this.#putHost(host, undefined);
    }
    this.#dirty = new Dirty();
    this.#stop = catalogue.on((event) => this.#take(event));
  }

  get state(): WireState {
    return this.#trust.state;
  }

  /** What is different since this was asked last. */
  takeDirty(): Dirty {
    const dirty = this.#dirty;
    this.#dirty = new Dirty();
    return dirty;
  }

  /** These things as they are now. */
  update(dirty: Dirty): WireUpdate {
    const [services, goneServices] = sorted(dirty.services, this.#services);
    const [hosts, goneHosts] = sorted(dirty.hosts, this.#hosts);
    const log = this.#log.from(dirty.logFrom);
    return {
      now: this.#now(),
      ...(dirty.state ? { state: this.state } : {}),
      ...someOf("services", services),
      ...someOf("goneServices", goneServices),
      ...someOf("hosts", hosts),
      ...someOf("goneHosts", goneHosts),
      ...someOf("log", log),
    };
  }

  /** All there is now, in pieces. What changes meanwhile may or may not be in them: tell it afterwards. */
  *everything(): Generator<WireUpdate> {
    const now = this.#now();
    const log: readonly WireLogEntry[] = this.#log.from(0);
    const hosts = [...this.#hosts.values()];
    yield { now, services: [...this.#services.values()], ...someOf("log", log) };
    for (let index = 0; index < hosts.length; index += hostsAPiece) {
      yield { now, hosts: hosts.slice(index, index + hostsAPiece) };
    }
  }

  /** Looks again at how far all of it can be trusted. */
  judge(): void {
    if (this.#trust.look()) this.#dirty.state = true;
    for (const name of this.#catalogue.services.keys()) this.#putService(name);
    if (!this.#dirty.empty) this.#options.changed();
  }

  close(): void {
    this.#stop();
  }

  #take(event: CatalogueEvent): void {
    switch (event.type) {
      case "freshness":
        this.judge();
        break;
      case "service":
        this.#putService(event.service);
        break;
      case "gone":
        this.#dropService(event.service);
        break;
      case "up":
      case "update":
      case "down":
        this.#takeHost(event);
        break;
    }
    if (!this.#dirty.empty) this.#options.changed();
  }

  #takeHost(event: Extract<CatalogueEvent, { readonly host: Host }>): void {
    const { host, type, service } = event;
    // What is there when it is read for the first time has not come now.
    const news = this.#catalogue.ready;
    const key = hostKeyOf(host);
    if (!this.#services.has(service)) this.#putService(service);
    if (type === "down") {
      this.#hosts.delete(key);
      this.#dirty.hosts.add(key);
    } else {
      const since = type === "up" && news ? this.#now() : this.#hosts.get(key)?.since;
      this.#putHost(host, since);
    }
    if (!news) return;
    this.#dirty.logFrom = Math.min(this.#dirty.logFrom, this.#log.next);
    this.#log.add(event, this.#now());
  }

  #putHost(host: Host, since: number | undefined): void {
    const wire = wireHost(host, since);
    this.#hosts.set(wire.key, wire);
    this.#dirty.hosts.add(wire.key);
  }

  #putService(name: string): void {
    const service = this.#catalogue.services.get(name);
    if (service === undefined) return;
    const stale = service.freshness !== undefined && service.freshness.source !== "live";
    const error = service.lastError?.message;
    const wire = wireService(name, service.info, { stale: stale || error !== undefined, error });
    if (JSON.stringify(wire) === JSON.stringify(this.#services.get(name))) return;
    this.#services.set(name, wire);
    this.#dirty.services.add(name);
  }

  #dropService(name: string): void {
    if (!this.#services.delete(name)) return;
    this.#dirty.services.add(name);
    for (const [key, host] of this.#hosts) {
      if (host.service !== name) continue;
      this.#hosts.delete(key);
      this.#dirty.hosts.add(key);
    }
  }
}

function sorted<T>(names: ReadonlySet<string>, known: ReadonlyMap<string, T>): [T[], string[]] {
  const there: T[] = [];
  const gone: string[] = [];
  for (const name of names) {
    const value = known.get(name);
    if (value === undefined) gone.push(name);
    else there.push(value);
  }
  return [there, gone];
}

/** Left out if there is nothing. */
function someOf<Name extends string, T>(
  name: Name,
  values: readonly T[],
): { readonly [N in Name]?: readonly T[] } {
  return (values.length === 0 ? {} : { [name]: values }) as {
    readonly [N in Name]?: readonly T[];
  };
}
