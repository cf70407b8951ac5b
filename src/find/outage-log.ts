import type { CancelTimer, Clock } from "../async/clock.ts";
import type { Logger } from "../logger.ts";

/** A connection that moves to another endpoint, or signs in anew, is no outage unless it takes this long. */
const briefMs = 1_000;

/** Warns once of an outage that lasts, however long it takes and however often it is found to last, and tells of its end. */
export class OutageLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #fields: Record<string, unknown>;
  #warned = false;
  #cancelWarning: CancelTimer | undefined;

  /** @param fields go with each line */
  constructor(clock: Clock, logger: Logger, fields: Record<string, unknown>) {
    this.#clock = clock;
    this.#logger = logger;
    this.#fields = fields;
  }

  failed(error: Error): void {
    const fields = { ...this.#fields, error: error.message };
    this.#logger.debug("cannot follow for now; trying again", fields);
    if (this.#warned) return;
    this.#cancelWarning ??= this.#clock.setTimeout(() => {
      this.#warned = true;
      this.#logger.warn("cannot follow; trying again", fields);
    }, briefMs);
  }

  ended(): void {
    if (this.#warned) this.#logger.info("following again", this.#fields);
    this.close();
  }

  /** Nothing more is said. */
  close(): void {
    this.#warned = false;
    this.#cancelWarning?.();
    this.#cancelWarning = undefined;
  }
}
