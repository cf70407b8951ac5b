import { callbackify } from "node:util";
import { Dispatcher, errors } from "undici";
import { isFetched } from "./authorization.ts";
import type { Choice, Router } from "./router.ts";

/**
 * A dispatcher of undici, for `request`, `stream` and the like, for `WebSocket`, and for a `fetch`
 * that is not ours, such as that of Node.js.
 */
export class ServiceDispatcher extends Dispatcher {
  readonly #router: Router;
  readonly #choice: Choice;

  constructor(router: Router, choice: Choice) {
    super();
    this.#router = router;
    this.#choice = choice;
  }

  override dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
  ): boolean {
    return this.#router.dispatch(options, handler, this.#choiceFor(options));
  }

  /** A `fetch` that is not ours does not say which of its requests are redirected ones, so that none of them gets credentials. */
  #choiceFor({ headers = null }: Dispatcher.DispatchOptions): Choice {
    const { settings } = this.#router;
    if (!settings.credentials || !isFetched(headers)) return this.#choice;
    return { ...this.#choice, credentials: false };
  }

  /** Closes the client that this dispatcher is of. */
  override close(): Promise<void>;
  override close(callback: () => void): void;
  override close(callback?: () => void): Promise<void> | void {
    return called(this.#router.close(), callback);
  }

  /** Closes the client that this dispatcher is of, and breaks its requests off. */
  override destroy(error?: Error | null): Promise<void>;
  override destroy(callback: () => void): void;
  override destroy(error: Error | null, callback: () => void): void;
  override destroy(
    error?: Error | null | (() => void),
    callback?: () => void,
  ): Promise<void> | void {
    if (typeof error === "function") return this.destroy(null, error);
    return called(this.#router.destroy(error ?? new errors.ClientDestroyedError()), callback);
  }
}

function called(done: Promise<void>, callback: (() => void) | undefined): Promise<void> | void {
  if (callback === undefined) return done;
  callbackify(() => done)(() => callback());
}
