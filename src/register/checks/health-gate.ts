import { delay } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { HostRecord } from "../../model/record.ts";
import type { CheckSettings } from "./check-settings.ts";
import { type CheckFailure, CheckRunner } from "./check-runner.ts";

/** Whose health it is. */
export interface Checked {
  readonly service: string;
  readonly uuid: string;

  /** The newest one. */
  readonly record: HostRecord;
}

/** What a gate needs, and whom it tells. */
export interface HealthGateContext {
  readonly clock: Clock;

  /** A number from 0 up to 1, as `Math.random`. */
  readonly random: () => number;

  readonly logger: Logger;

  /** The host is well: it is to be registered from now on. */
  admit(): void;

  /** The host is not well, for this reason: it is not to be registered. Told again while it fails, each time with the newest reason. */
  withhold(error: DiscoveryError): void;
}

/**
 * Lets a host be registered only while it is well: checks it again and again, never twice at once, and
 * tells when that changes the answer.
 */
export class HealthGate {
  readonly #settings: CheckSettings;
  readonly #checked: Checked;
  readonly #context: HealthGateContext;
  readonly #runner: CheckRunner;
  readonly #closing = new AbortController();
  #admitted = false;
  #wasAdmitted = false;
  #failures = 0;
  #successes = 0;

  constructor(settings: CheckSettings, checked: Checked, context: HealthGateContext) {
    this.#settings = settings;
    this.#checked = checked;
    this.#context = context;
    this.#runner = new CheckRunner(settings, context.clock);
  }

  /** Begins to check, as soon as the caller is through. */
  open(): void {
    const { signal } = this.#closing;
    this.#run(signal).catch((error: unknown) => {
      const { service, uuid } = this.#checked;
      if (!signal.aborted) {
        this.#context.logger.error("stopped checking the health", { service, uuid, error });
      }
    });
  }

  /** Ends it; a check that is under way is aborted, and what comes of it is nobody's concern. Idempotent. */
  close(): void {
    this.#closing.abort(
      new DiscoveryError("CLOSED", `the registration of "${this.#checked.service}" has ended`),
    );
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context;
    const { intervalMs } = this.#settings;
    // Whoever registers has the registration before its check is called.
    await Promise.resolve();
    if (signal.aborted) return;
    for (;;) {
      const begun = clock.now();
      const failure = await this.#runner.run(this.#checked, signal);
      if (signal.aborted) return;
      if (failure === undefined) this.#succeeded();
      else this.#failed(failure);
      const due = begun + intervalMs * (0.9 + 0.2 * random());
      // One that was told to stop gets some time to do so before it is counted again.
      const leastMs = this.#runner.busy ? intervalMs : 0;
      await delay(clock, Math.max(leastMs, due - clock.now()), signal);
    }
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#successes += 1;
    const enough = this.#wasAdmitted ? this.#settings.rise : 1;
    if (this.#admitted || this.#successes < enough) return;
    if (this.#wasAdmitted) this.#log("info", "a host is well again, and put back");
    this.#admitted = true;
    this.#wasAdmitted = true;
    this.#context.admit();
  }

  #failed({ reason, timedOut, cause }: CheckFailure): void {
    this.#successes = 0;
    this.#failures += 1;
    const failures = this.#failures;
    if (this.#admitted && failures < this.#settings.fall) {
      this.#log("debug", "a health check failed", { reason, failures });
      return;
    }
    if (this.#admitted) {
      this.#log("warn", "a host is not well, and withdrawn", { reason, failures });
    } else if (failures === 1 && !this.#wasAdmitted) {
      this.#log("warn", "a host is not registered before it is well", { reason });
    }
    this.#admitted = false;
    const { service, uuid } = this.#checked;
    const times = failures === 1 ? "" : ` ${failures} times in a row`;
    this.#context.withhold(
      new DiscoveryError(
        timedOut ? "TIMEOUT" : "UNAVAILABLE",
        `the health check of "${service}" (${uuid}) has failed${times}: ${reason}`,
        { cause },
      ),
    );
  }

  #log(level: "debug" | "info" | "warn", message: string, fields: Record<string, unknown> = {}) {
    const { service, uuid } = this.#checked;
    this.#context.logger[level](message, { service, uuid, ...fields });
  }
}
