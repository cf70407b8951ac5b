import { type Dispatcher, errors } from "undici";

/** Names and values by turns, as they came; null before they did. */
export type RawHeaders = NonNullable<Dispatcher.DispatchController["rawHeaders"]> | null;

/** What a {@link Flow} steers. */
export interface Steered {
  /** Whoever asked wants nothing of it any more. */
  aborted(reason: Error): void;
}

/**
 * What whoever asked steers its request with, from the first attempt to the end of the response. It
 * leads to the attempt that is under way; an abort is heard even if there is none.
 */
export class Flow implements Dispatcher.DispatchController {
  #steered: Steered | undefined;
  #target: Dispatcher.DispatchController | undefined;
  #paused = false;
  #reason: Error | null = null;
  #over = false;

  /** What the last attempt had of these. */
  #rawHeaders: RawHeaders = null;
  #rawTrailers: RawHeaders = null;

  /** @param steered undefined: nothing, as it has failed already */
  constructor(steered: Steered | undefined) {
    this.#steered = steered;
  }

  /** The attempt that is under way now. */
  lead(target: Dispatcher.DispatchController): void {
    this.#target = target;
    if (this.#paused) target.pause();
  }

  /** The request has ended: nothing can be done about it any more. */
  end(): void {
    this.#over = true;
  }

  /**
   * The handler knows that it has ended. It may keep this for as long as it likes, as signals of
   * `fetch` do, so that this must not keep in turn what the request was made of.
   *
   * @param asked whether it can still be asked for the headers as they came
   */
  forget(asked: boolean): void {
    if (asked) {
      this.#rawHeaders = this.rawHeaders;
      this.#rawTrailers = this.rawTrailers;
    }
    this.#steered = undefined;
    this.#target = undefined;
  }

  get aborted(): boolean {
    return this.#reason !== null;
  }

  get paused(): boolean {
    return this.#paused;
  }

  get reason(): Error | null {
    return this.#reason;
  }

  get rawHeaders(): RawHeaders {
    return this.#target === undefined ? this.#rawHeaders : (this.#target.rawHeaders ?? null);
  }

  set rawHeaders(headers: RawHeaders) {
    if (this.#target !== undefined) this.#target.rawHeaders = headers;
  }

  get rawTrailers(): RawHeaders {
    return this.#target === undefined ? this.#rawTrailers : (this.#target.rawTrailers ?? null);
  }

  set rawTrailers(trailers: RawHeaders) {
    if (this.#target !== undefined) this.#target.rawTrailers = trailers;
  }

  abort(reason?: Error): void {
    if (this.#over || this.#reason !== null) return;
    this.#reason = reason ?? new errors.RequestAbortedError();
    this.#steered?.aborted(this.#reason);
  }

  pause(): void {
    this.#paused = true;
    this.#target?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#target?.resume();
  }
}
