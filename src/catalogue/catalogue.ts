import { setTimeout as sleep } from "node:timers/promises";
import { signalOf, type WaitOptions } from "../arguments.ts";
import { abortable } from "../async/abort.ts";
import type { Discovery } from "../discovery.ts";
import { DiscoveryError, isDiscoveryError } from "../errors.ts";
import type { HostEvent } from "../find/host-event.ts";
import type { ServiceView } from "../find/view-inbox.ts";
import { assertServiceName } from "../model/keys.ts";
import { type CatalogueService, FollowedService } from "./followed-service.ts";

export type { CatalogueService } from "./followed-service.ts";

export interface CatalogueOptions {
  /** The services to follow. Default: all there are, and all that come. */
  readonly services?: readonly string[] | undefined;
}

/** How far a catalogue can be trusted to show what etcd holds now. */
export interface CatalogueFreshness {
  /** `none`: nothing was read yet; `stale`: contact with etcd is lost, for some service at least; `live`: neither. */
  readonly source: "live" | "stale" | "none";

  /** For how long it has not been live, in milliseconds; 0 while it is. */
  readonly ageMs: number;

  /** Why, if that is known. */
  readonly lastError: Error | undefined;
}

export type CatalogueEvent =
  | (HostEvent & { readonly service: string })
  /** A service came, or its info changed. */
  | { readonly type: "service"; readonly service: string }
  /** A service has neither hosts nor an info any longer. */
  | { readonly type: "gone"; readonly service: string }
  /** `freshness.source` is another. */
  | { readonly type: "freshness" };

/** How long to wait between two listings of the names. */
const listEveryMs = 500;

/** And so many times as long as the last answer took to come, so that a big etcd is not kept busy; but no longer than this, as it may have been the waiting for etcd. */
const listShare = 10;
const longestPauseMs = 2_000;

/**
 * The services of a `Discovery`, kept current: their names by listing them every half second, their hosts by
 * following each. It keeps the process alive until it is closed, or the discovery is.
 */
export class Catalogue implements AsyncDisposable {
  readonly #discovery: Discovery;
  readonly #services = new Map<string, FollowedService>();
  readonly #listeners = new Set<(event: CatalogueEvent) => void>();
  readonly #ended = new AbortController();
  readonly #firstRead: Promise<void>;
  readonly #given: readonly string[] | undefined;
  #notLiveSince: number | undefined = performance.now();
  #ready = false;
  #listError: Error | undefined;
  #source: CatalogueFreshness["source"] = "none";

  /** Throws `INVALID_ARGUMENT` for what is no name of a service, and `CLOSED`. */
  constructor(discovery: Discovery, options: CatalogueOptions = {}) {
    this.#discovery = discovery;
    this.#given = options.services;
    for (const name of this.#given ?? []) assertServiceName(name);
    for (const name of this.#given ?? []) this.#follow(name);
    const listed = this.#given === undefined ? this.#keepListing() : Promise.resolve();
    this.#firstRead = listed.then(async () => {
      await Promise.all(Array.from(this.#services.values(), (service) => service.firstRead));
      this.#ready = true;
      this.#judge();
    });
  }

  /**
   * Resolves when the names and each service's hosts were read once. While etcd is away it waits; it
   * rejects with `UNAUTHENTICATED` or `PERMISSION_DENIED` if etcd refuses to name the services, with
   * `CLOSED` when the catalogue is closed, and with `signal.reason`.
   */
  async waitReady(options?: WaitOptions): Promise<void> {
    const signal = signalOf(options);
    const either = signal ? AbortSignal.any([signal, this.#ended.signal]) : this.#ended.signal;
    await abortable(this.#firstRead, either);
    const error = this.#listError;
    if (error !== undefined && this.#services.size === 0) throw error;
  }

  /** Whether names and hosts were read once. */
  get ready(): boolean {
    return this.#ready;
  }

  /** By name, in the order in which they became known. */
  get services(): ReadonlyMap<string, CatalogueService> {
    return this.#services;
  }

  get freshness(): CatalogueFreshness {
    const since = this.#notLiveSince;
    const failing = Array.from(this.#services.values()).find((each) => each.lastError);
    return {
      source: this.#source,
      ageMs: since === undefined ? 0 : performance.now() - since,
      lastError: this.#listError ?? failing?.lastError,
    };
  }

  /** Calls back with each change, once it is what {@link services} shows; returns its undo. A listener must not throw. */
  on(listener: (event: CatalogueEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Idempotent, never rejects. The discovery stays open. */
  async close(): Promise<void> {
    this.#ended.abort(new DiscoveryError("CLOSED", "the catalogue was closed"));
    await Promise.all(Array.from(this.#services.values(), (service) => service.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Resolves when the names were read once, or etcd has refused that; goes on until the end. */
  #keepListing(): Promise<void> {
    const { signal } = this.#ended;
    return new Promise((resolve) => {
      const keepListing = async (): Promise<void> => {
        while (!signal.aborted && !this.#discovery.closed) {
          const begunAt = performance.now();
          if (await this.#list(signal)) resolve();
          const tookMs = this.#listError === undefined ? performance.now() - begunAt : 0;
          const pauseMs = Math.max(listEveryMs, Math.min(listShare * tookMs, longestPauseMs));
          await sleep(pauseMs, undefined, { signal }).catch(() => {});
        }
        resolve();
      };
      void keepListing();
    });
  }

  /** Returns whether there is an answer that will not change by asking again soon. */
  async #list(signal: AbortSignal): Promise<boolean> {
    try {
      const names = await this.#discovery.services({ signal });
      // Whoever was closed meanwhile would follow for ever what is new among them.
      if (signal.aborted) return true;
      this.#take(names);
      this.#listError = undefined;
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      this.#listError = error as Error;
      return (["UNAUTHENTICATED", "PERMISSION_DENIED", "CLOSED"] as const).some((code) =>
        isDiscoveryError(error, code),
      );
    } finally {
      this.#judge();
    }
  }

  #take(names: readonly string[]): void {
    const there = new Set(names);
    for (const name of names) if (!this.#services.has(name)) this.#follow(name);
    for (const [name, service] of this.#services) {
      // What follows it may know of a host that came after the listing, or not yet that the last one went.
      if (there.has(name) || service.hosts.length > 0 || service.info !== undefined) continue;
      this.#services.delete(name);
      void service.close();
      this.#tell({ type: "gone", service: name });
    }
  }

  #follow(name: string): void {
    if (this.#discovery.closed || this.#services.has(name)) return;
    const changed = (view: ServiceView, before: ServiceView | undefined): void => {
      if (before === undefined || before.info !== view.info) {
        this.#tell({ type: "service", service: name });
      }
      for (const event of view.events) this.#tell({ ...event, service: name });
      if (before?.freshness.source !== view.freshness.source) this.#judge();
    };
    this.#services.set(name, new FollowedService(this.#discovery, name, changed));
  }

  #judge(): void {
    const stale = Array.from(this.#services.values()).some(
      ({ freshness }) => freshness !== undefined && freshness.source !== "live",
    );
    let source: CatalogueFreshness["source"] = "live";
    if (!this.#ready) source = "none";
    else if (stale || this.#listError !== undefined) source = "stale";
    if (source === this.#source) return;
    if (source === "live") this.#notLiveSince = undefined;
    else this.#notLiveSince ??= performance.now();
    this.#source = source;
    this.#tell({ type: "freshness" });
  }

  #tell(event: CatalogueEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
