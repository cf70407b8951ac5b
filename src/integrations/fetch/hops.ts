import type { Dispatcher } from "undici";
import type { Choice, Router } from "./router.ts";

/** What the hops of one call have in common, and whether the caller is known to ask for the next one. */
type OwnChoice = Omit<Choice, "credentials"> & { credentials: boolean };

/** The dispatcher of one call of `fetch`, which sees the redirects that are followed. */
export class Hops {
  readonly #router: Router;
  readonly #choice: OwnChoice;

  /** @param choice is kept, and changed */
  constructor(router: Router, choice: OwnChoice) {
    this.#router = router;
    this.#choice = choice;
  }

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    try {
      return this.#router.dispatch(options, handler, this.#choice);
    } finally {
      // Wherever a host redirects to, it is not the caller who asks there.
      this.#choice.credentials = false;
    }
  }
}
