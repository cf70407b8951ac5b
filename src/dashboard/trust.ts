import type { Catalogue } from "../catalogue/catalogue.ts";
import { isDiscoveryError } from "../errors.ts";
import type { WireState } from "./wire.ts";

const longestError = 1_000;

export interface TrustOptions {
  /** The endpoint in use, to be shown. */
  readonly endpoint?: (() => string | undefined) | undefined;

  /** The time of day in milliseconds since 1970. */
  readonly now: () => number;
}

/** How far what a catalogue shows can be trusted, in the form in which the page is told. */
export class Trust {
  readonly #catalogue: Pick<Catalogue, "freshness">;
  readonly #options: TrustOptions;
  #state: WireState | undefined;

  constructor(catalogue: Pick<Catalogue, "freshness">, options: TrustOptions) {
    this.#catalogue = catalogue;
    this.#options = options;
  }

  /** As it was when it was looked at last. */
  get state(): WireState {
    this.#state ??= this.#read();
    return this.#state;
  }

  /** Looks again; whether it is another. */
  look(): boolean {
    const before = JSON.stringify(this.state);
    this.#state = this.#read();
    return JSON.stringify(this.#state) !== before;
  }

  #read(): WireState {
    const { source, ageMs, lastError } = this.#catalogue.freshness;
    const endpoint = this.#options.endpoint?.();
    const shown = endpoint === undefined ? {} : { endpoint };
    if (source === "live") return { source, ...shown };
    // The same moment stays the same number, however often it is worked out.
    const before = this.#state?.source === source ? this.#state.since : undefined;
    return {
      source,
      since: before ?? Math.round(this.#options.now() - ageMs),
      ...(isRefusal(lastError) ? { denied: true } : {}),
      ...(lastError === undefined
        ? {}
        : { error: lastError.message.slice(0, longestError).toWellFormed() }),
      ...shown,
    };
  }
}

function isRefusal(error: Error | undefined): boolean {
  return isDiscoveryError(error, "UNAUTHENTICATED") || isDiscoveryError(error, "PERMISSION_DENIED");
}
