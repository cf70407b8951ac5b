import type { Dispatcher } from "undici";
import type { Choice, Router } from "./router.ts";

/** The dispatcher of one call of `fetch`, which sees the redirects that are followed. */
export class Hops {
  readonly #router: Router;
  #choice: Choice;

  constructor(router: Router, choice: Choice) {
    this.#router = router;
    this.#choice = choice;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    const choice = this.#choice;
    // Wherever a host redirects to, it is not the caller who asks there.
    if (choice.credentials) this.#choice = { ...choice, credentials: false };
    return this.#router.dispatch(options, handler, choice);
  }
}
