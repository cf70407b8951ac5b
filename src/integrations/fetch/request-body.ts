import type { Dispatcher } from "undici";

type Body = NonNullable<Dispatcher.DispatchOptions["body"]> | null;
type Pieces = AsyncIterable<unknown> | Iterable<unknown>;

/** What can be sent as often as one likes, by its tag, as there may be several classes of each. */
const whole: ReadonlySet<string> = new Set([
  "[object ArrayBuffer]",
  "[object Blob]",
  "[object File]",
  "[object FormData]",
]);

/**
 * The body of a request, which may have to be sent to more than one host. One that can be read only
 * once is read when it is first sent, and not before, so that a request whose connection never opened
 * still has all of it.
 */
export class RequestBody {
  readonly #body: Body;
  readonly #once: Pieces | undefined;
  #begun = false;
  #failure: { readonly error: unknown } | undefined;

  static empty(): RequestBody {
    return new RequestBody(null);
  }

  static of(body: Body): RequestBody {
    return body === null ? nothing : new RequestBody(body);
  }

  private constructor(body: Body) {
    this.#body = body;
    this.#once = isWhole(body) ? undefined : (body as unknown as Pieces);
  }

  /** Whether it can be sent again. */
  get replayable(): boolean {
    return this.#once === undefined;
  }

  /** What undici is to send; the attempt is told of each piece of a stream that is taken. */
  forAttempt(attempt: { progressed(): void }): Body {
    if (this.#once === undefined) return this.#body;
    return this.#pieces(this.#once, attempt) as unknown as Body;
  }

  /** Whether this is what the caller's stream was broken off with. */
  failedWith(error: unknown): boolean {
    return this.#failure?.error === error;
  }

  /** It will not be sent any more: whoever makes it is to stop. */
  discard(): void {
    if (this.#once === undefined || this.#begun) return;
    this.#begun = true;
    const source = this.#once as { destroy?: () => unknown; return?: () => unknown };
    try {
      const ended = source.destroy?.() ?? source.return?.();
      if (ended instanceof Promise) ended.catch(() => {});
    } catch {
      // Nobody is left to be told.
    }
  }

  async *#pieces(source: Pieces, attempt: { progressed(): void }): AsyncGenerator<unknown, void> {
    this.#begun = true;
    try {
      for await (const piece of source) {
        attempt.progressed();
        yield piece;
      }
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}

/** What most requests have. */
const nothing = RequestBody.empty();

function isWhole(body: unknown): boolean {
  if (body === null || typeof body === "string") return true;
  return ArrayBuffer.isView(body) || whole.has(Object.prototype.toString.call(body));
}
