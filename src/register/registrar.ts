import { onAbort, settledWithin } from "../async/abort.ts";
import type { PreparedHost } from "../model/host-options.ts";
import type { Session } from "../store/store.ts";
import type { CheckSettings } from "./checks/check-settings.ts";
import { HealthGate, type HealthGateContext } from "./checks/health-gate.ts";
import { Entry } from "./entry.ts";
import { WriteSize } from "./host-writes.ts";
import { LateWriteGuard } from "./late-write-guard.ts";
import type { KeeperContext, RegisterContext } from "./register-context.ts";
import { Registration } from "./registration.ts";
import { ServiceKeeper } from "./service-keeper.ts";
import { SessionHolder } from "./session-holder.ts";

/** Owns all registrations of a `Discovery`: the one session they live by, and a keeper for each service. */
export class Registrar {
  readonly #context: KeeperContext;
  readonly #holder: SessionHolder;
  readonly #keepers = new Map<string, ServiceKeeper>();

  /** Those that are not off the store yet, and what takes them off. */
  readonly #entries = new Map<Entry, (quietly?: boolean) => Promise<void>>();

  constructor(context: RegisterContext) {
    const { store, ttlSeconds, timeoutMs, logger, report } = context;
    // One warning an outage, however long it takes.
    let failing = false;
    const holder = new SessionHolder({
      store,
      ttlSeconds,
      timeoutMs,
      onFailure: (error) => {
        const level = failing ? "debug" : "warn";
        failing = true;
        logger[level]("could not open a session; trying again", { error: error.message });
        // As long as there is another one, nobody has to do without.
        if (holder.current !== undefined) return;
        for (const keeper of this.#keepers.values()) keeper.fail(error);
      },
      onOpened: (session) => {
        failing = false;
        report.lease("granted", session.ttlSeconds);
      },
      onLost: (session, error) => {
        logger.warn("the session was lost; registering again", { error: error.message });
        report.lease("lost", session.ttlSeconds, error);
        for (const keeper of this.#keepers.values()) keeper.lose(session, error);
      },
      onLeft: (hosts) => {
        const wanted = hosts.map(({ service, id }) => this.#keepers.get(service)?.rewrite(id));
        return wanted.includes(true);
      },
      random: context.random,
    });
    this.#holder = holder;
    this.#context = {
      ...context,
      session: () => holder.current,
      writeSize: new WriteSize(),
      guard: new LateWriteGuard(store, timeoutMs),
      openSession: () => holder.open(),
    };
  }

  /** All registrations that have not ended, and those that are about to. */
  get entries(): Iterable<Entry> {
    return this.#entries.keys();
  }

  /** The session that they live by, if there is one. */
  get session(): Session | undefined {
    return this.#holder.current;
  }

  /** How long ago it was opened. */
  get sessionAgeMs(): number {
    return this.#holder.ageMs;
  }

  /** Registers a host from now on, for as long as it is not ended. */
  register(
    service: string,
    prepared: PreparedHost,
    options: {
      readonly signal?: AbortSignal | undefined;
      readonly check?: CheckSettings | undefined;
    } = {},
  ): Registration {
    const { signal, check } = options;
    const { logger, hold, report } = this.#context;
    const entry = new Entry(service, prepared, logger, check !== undefined);
    let previous = entry.state;
    report.registrationChanged(entry, previous, undefined);
    entry.on("state", (state) => {
      report.registrationChanged(entry, state, previous);
      previous = state;
    });
    const keeper = this.#keeper(service);
    const gate = check && new HealthGate(check, entry, this.#gateContext(entry, keeper));
    const release = hold();
    let ended: Promise<void> | undefined;
    const end = (quietly = false) => {
      gate?.close();
      return (ended ??= this.#end(entry, keeper, quietly).then(() => {
        forget?.();
        this.#entries.delete(entry);
        if (this.#entries.size === 0) this.#holder.release();
        release();
      }));
    };
    this.#entries.set(entry, end);
    keeper.add(entry);
    gate?.open();
    const forget = signal && onAbort(signal, () => void end());
    if (signal?.aborted) void end();
    return new Registration(entry, keeper, this.#context, () => end());
  }

  /**
   * Ends all registrations: together, so that it takes few trips however many they are.
   *
   * @param quietly whoever waits for one is told only by what is returned
   */
  async close(quietly = false): Promise<() => void> {
    const { store, timeoutMs } = this.#context;
    const deadline = store.clock.now() + timeoutMs;
    const entries = [...this.#entries.keys()];
    await Promise.all([...this.#entries.values()].map((end) => end(quietly)));
    for (const keeper of this.#keepers.values()) keeper.close();
    this.#context.guard.close();
    // The last attempt, should all others have used up the time.
    await this.#holder.close(Math.max(deadline - store.clock.now(), 100));
    return () => {
      for (const entry of entries) entry.letGo();
    };
  }

  /** Takes an entry off the store, or leaves that to the session when the store is out of reach. */
  async #end(entry: Entry, keeper: ServiceKeeper, quietly: boolean): Promise<void> {
    const { store, timeoutMs } = this.#context;
    entry.end(quietly);
    keeper.end();
    await settledWithin(store.clock, timeoutMs, entry.gone);
  }

  #gateContext(entry: Entry, keeper: ServiceKeeper): HealthGateContext {
    const { store, random, logger } = this.#context;
    return {
      clock: store.clock,
      random,
      logger,
      admit: () => {
        entry.admit();
        keeper.wake();
      },
      withhold: (error) => {
        entry.withhold(error);
        keeper.end();
      },
    };
  }

  #keeper(service: string): ServiceKeeper {
    const known = this.#keepers.get(service);
    if (known !== undefined) return known;
    const keeper: ServiceKeeper = new ServiceKeeper(service, this.#context, () => {
      if (this.#keepers.get(service) === keeper) this.#keepers.delete(service);
      keeper.close();
    });
    this.#keepers.set(service, keeper);
    return keeper;
  }
}
