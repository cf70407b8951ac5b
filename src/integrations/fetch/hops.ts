import type { Dispatcher } from "undici";
import type { Choice, Router } from "./router.ts";

/** What a request and those that redirects make of it have in common. */
export interface HopChoice extends Choice {
  readonly idempotent: boolean | undefined;

  /** To be sent in place of the stream that `fetch` makes of it. */
  readonly replay: string | Uint8Array | Blob | undefined;
}

/** The dispatcher of one call of `fetch`, which sees the redirects that are followed. */
export class Hops {
  readonly #router: Router;
  readonly #choice: HopChoice;
  #redirected = false;

  constructor(router: Router, choice: HopChoice) {
    this.#router = router;
    this.#choice = choice;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const { idempotent, replay, ...choice } = this.#choice;
    // Wherever a host redirects to, it is not the caller who asks there.
    const credentials = choice.credentials && !this.#redirected;
    this.#redirected = true;
    const own = { ...options };
    // Blobs, too, which undici takes though it does not say so.
    if (own.body && replay !== undefined) own.body = replay as Uint8Array;
    if (idempotent !== undefined) own.idempotent = idempotent;
    return this.#router.dispatch(own, handler, { ...choice, credentials });
  }
}
