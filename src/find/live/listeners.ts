import type { Logger } from "../../logger.ts";
import { refuse, shown } from "../../model/refuse.ts";

/** Who is to be told of what; `Events` has the names of the events, and what each tells. */
export class Listeners<Events extends object> {
  readonly #names: readonly (keyof Events & string)[];
  readonly #logger: Logger;
  readonly #fields: object;

  /** Undefined as long as nobody listens, as mostly nobody does. */
  #listeners: Map<keyof Events, Set<(value: never) => unknown>> | undefined;

  /** @param fields go with what is logged */
  constructor(names: readonly (keyof Events & string)[], logger: Logger, fields: object) {
    this.#names = names;
    this.#logger = logger;
    this.#fields = fields;
  }

  /** Whether anybody listens, or has listened. */
  get inUse(): boolean {
    return this.#listeners !== undefined;
  }

  /** Calls back at each event; returns the undo. Throws `INVALID_ARGUMENT`. */
  on<E extends keyof Events & string>(
    event: E,
    listener: (value: Events[E]) => unknown,
  ): () => void {
    if (!this.#names.includes(event)) {
      refuse("event", `must be ${this.#names.map(shown).join(" or ")}, not ${shown(event)}`);
    }
    if (typeof listener !== "function") refuse("listener", "must be a function");
    this.#listeners ??= new Map();
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    // Of its own each time, so that a listener given twice is two, each with its undo.
    const own = (value: Events[E]): unknown => listener(value);
    listeners.add(own);
    return () => void listeners.delete(own);
  }

  /** Calls everybody who listens. What a listener throws is logged, and so is what a promise of its is rejected with. */
  emit<E extends keyof Events & string>(event: E, value: Events[E]): void {
    for (const listener of [...(this.#listeners?.get(event) ?? [])]) {
      try {
        const result = (listener as (value: Events[E]) => unknown)(value);
        if (result instanceof Promise) {
          result.catch((error: unknown) => this.#report(event, error));
        }
      } catch (error) {
        this.#report(event, error);
      }
    }
  }

  clear(): void {
    this.#listeners = undefined;
  }

  #report(event: keyof Events & string, error: unknown): void {
    this.#logger.error(`a listener for "${event}" threw`, { ...this.#fields, error });
  }
}
