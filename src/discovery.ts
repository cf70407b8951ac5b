import { KeepAlive } from "./async/keep-alive.ts";
import { Turnstile } from "./async/turnstile.ts";
import { optionalSignal, optionsBag } from "./arguments.ts";
import { closeOn } from "./close-on.ts";
import type { MalformedRecord } from "./diagnostics.ts";
import { type CheckedOptions, checkOptions, type DiscoveryOptions } from "./discovery-options.ts";
import { DiscoveryError } from "./errors.ts";
import type { LookupContext } from "./find/lookup.ts";
import type { HostEvent } from "./find/host-event.ts";
import type { LiveOptions } from "./find/live/live-options.ts";
import type { LivePool } from "./find/live/live-pool.ts";
import { type FollowOptions, Mirrors, type SubscribeOptions } from "./find/mirrors.ts";
import { Query, type GetOptions } from "./find/query.ts";
import { listServices, type ServicesOptions } from "./find/services.ts";
import type { Subscription } from "./find/subscription.ts";
import type { ServiceView } from "./find/view-inbox.ts";
import type { Health } from "./health.ts";
import { healthOf } from "./health-of.ts";
import type { Host } from "./model/host.ts";
import { type HostOptions, prepareHost } from "./model/host-options.ts";
import { assertServiceName } from "./model/keys.ts";
import { refuse } from "./model/refuse.ts";
import { checkSettings } from "./register/checks/check-settings.ts";
import type { HealthCheck } from "./register/checks/health-check.ts";
import type { Registration } from "./register/registration.ts";
import { Registrar } from "./register/registrar.ts";
import { Reporter } from "./reporter.ts";
import { openStore } from "./store/open-store.ts";
import type { Store } from "./store/store.ts";

export interface RegisterOptions {
  /** Ends the registration: the same as `unregister()`. */
  readonly signal?: AbortSignal | undefined;

  /**
   * How the host finds out whether it is well: it is registered once the check has succeeded, withdrawn
   * while it fails (`state` is `unhealthy`), and put back under the same uuid. Default: no check.
   */
  readonly check?: HealthCheck | undefined;
}

/** How many services that are followed may be listed at once. */
const mostReadings = 32;

/**
 * Service discovery on one etcd: registers hosts, finds them, and follows them. It connects when it
 * is first needed, and it survives an etcd that is away. Make one for each process and close it at
 * the end; only wrong options make the constructor throw (`INVALID_ARGUMENT`).
 */
export class Discovery implements AsyncDisposable {
  readonly #options: CheckedOptions;
  readonly #report = new Reporter();
  readonly #store: Store;
  readonly #registrar: Registrar;
  readonly #lookups: LookupContext;
  readonly #mirrors: Mirrors;
  readonly #keepAlive = new KeepAlive();
  readonly #undoCloseOn = new Set<() => void>();
  #closed: Promise<void> | undefined;

  /** From the `ETCD_*` variables where an option is not given. */
  constructor(options?: DiscoveryOptions) {
    this.#options = checkOptions(options);
    const { place, timeoutMs, ttlSeconds, logger } = this.#options;
    const report = this.#report;
    this.#store = "store" in place ? place.store : openStore(place.connection, report);
    const context = {
      store: this.#store,
      timeoutMs,
      logger,
      random: Math.random,
      hold: () => this.#keepAlive.hold(),
      onMalformed: (record: MalformedRecord) => {
        const { error, ...fields } = record;
        logger.warn(`skipped a record that cannot be read: ${error.message}`, fields);
        report.malformed(record);
      },
      report,
    };
    this.#registrar = new Registrar({ ...context, ttlSeconds });
    this.#mirrors = new Mirrors({ ...context, turnstile: new Turnstile(mostReadings) });
    this.#lookups = {
      ...context,
      known: (name: string) => this.#mirrors.get(name),
      hold: () => {
        this.#assertOpen();
        return this.#keepAlive.hold();
      },
    };
  }

  /** What the events of the diagnostics channels call it by, as `discovery`: eight hexadecimal digits, other ones for each. */
  get id(): string {
    return this.#report.discovery;
  }

  /**
   * Registers a host of a service from now on, until the registration is ended. Returns at once,
   * and goes on trying for as long as it takes; `waitRegistration()` tells when it is there. Throws
   * `INVALID_ARGUMENT` for what no other process could use, naming the field, and `CLOSED`.
   */
  register(service: string, host: HostOptions, options?: RegisterOptions): Registration {
    assertServiceName(service);
    const bag = optionsBag(options, { signal: true, check: true });
    const signal = optionalSignal(bag.signal);
    const prepared = prepareHost(service, host);
    const check = checkSettings(bag.check, prepared.record);
    this.#assertOpen();
    for (const warning of prepared.warnings) this.#options.logger.warn(warning, { service });
    return this.#registrar.register(service, prepared, { signal, check });
  }

  /**
   * A question about a service, such as `get("api").one()`: each of its final calls reads etcd once,
   * afresh; with `maxStaleMs`, only if what is followed already does not answer it. Throws `INVALID_ARGUMENT`.
   */
  get(service: string, options?: GetOptions): Query {
    return new Query(this.#lookups, service, options);
  }

  /** The names of all services that have an info or a host, sorted; with `alive`, only those that have a host. */
  services(options?: ServicesOptions): Promise<string[]> {
    return listServices(this.#lookups, options);
  }

  /**
   * Tells of every host of a service that comes, changes or goes from now on, through whatever
   * befalls the connection; with `existing`, first of those that are there. It ends with its
   * signal, when its loop is left, or with the discovery.
   */
  subscribe(service: string, options?: SubscribeOptions): Subscription<HostEvent> {
    return this.#mirrors.subscribe(service, options);
  }

  /** As {@link subscribe}, but only the hosts that come. */
  subscribeNew(service: string, options?: SubscribeOptions): Subscription<Host> {
    return this.#mirrors.subscribeNew(service, options);
  }

  /** As {@link subscribe}, but only the hosts that go, as they were last known. One that comes and goes while nobody reads is left out. */
  subscribeDown(service: string, options?: FollowOptions): Subscription<Host> {
    return this.#mirrors.subscribeDown(service, options);
  }

  /** The service as a whole: first as it is, then each newer view, merged for a reader that is slow. */
  changes(service: string, options?: FollowOptions): Subscription<ServiceView> {
    return this.#mirrors.changes(service, options);
  }

  /**
   * The hosts of a service, kept in memory and up to date, to pick from without asking anybody and
   * through any outage. It ends with its signal, by `close()`, or with the discovery. Throws
   * `INVALID_ARGUMENT`, naming the field, and `CLOSED`.
   */
  live(service: string, options?: LiveOptions): LivePool {
    return this.#mirrors.live(service, options);
  }

  /**
   * How it stands at this moment, with etcd, with its registrations and with what it follows. Asks
   * nobody, is never refused, and holds no secrets: for a page that people look at, or a metric. It
   * is no reason to end a process, since one that cannot reach etcd mends itself.
   */
  health(): Health {
    const { place } = this.#options;
    return healthOf({
      api: "store" in place ? undefined : place.connection.api,
      store: this.#store,
      registrar: this.#registrar,
      mirrors: this.#mirrors,
      report: this.#report,
    });
  }

  /**
   * Closes the discovery on one of these signals, and then lets the process end by that signal. Whoever
   * waits for a registration at that moment is told `CLOSED` only after that, if the process lives on.
   * Returns its undo.
   */
  closeOn(...signals: NodeJS.Signals[]): () => void {
    if (signals.length === 0) refuse("signals", 'name at least one, such as "SIGTERM"');
    const undo = closeOn({ close: () => this.#closeBySignal() }, signals);
    this.#undoCloseOn.add(undo);
    return undo;
  }

  /**
   * Ends everything: unregisters all hosts, ends all subscriptions, closes all connections. While
   * etcd is away it takes `timeoutMs` at most, and the lease ends the records. Idempotent, never
   * rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#keepAlive.during(this.#close().then((letGo) => letGo()));
    return this.#closed;
  }

  /**
   * As {@link close}; but whoever waits for a registration is told when the signal has been raised
   * again: nobody handles that, and it would end the process before the hosts are off etcd.
   */
  #closeBySignal(): Promise<void> {
    this.#closed ??= this.#keepAlive.during(
      this.#close(true).then((letGo) => void setImmediate(letGo)),
    );
    return this.#closed;
  }

  /** Whether it was closed, or is about to be. */
  get closed(): boolean {
    return this.#closed !== undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Returns what tells those who wait for a registration; done already unless `quietly`. */
  async #close(quietly = false): Promise<() => void> {
    for (const undo of this.#undoCloseOn) undo();
    this.#mirrors.close();
    const [letGo] = await Promise.all([this.#registrar.close(quietly), this.#mirrors.ended()]);
    if (!("store" in this.#options.place)) await this.#store.close();
    return letGo;
  }

  #assertOpen(): void {
    if (this.#closed !== undefined) throw closedError();
  }
}

function closedError(): DiscoveryError {
  return new DiscoveryError("CLOSED", "the discovery was closed");
}
