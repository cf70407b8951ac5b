import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import type { Flow, RawHeaders } from "./flow.ts";

/**
 * Whoever asked for something: a handler of undici, of the kind that version 8 has alone, or of the
 * older kind, which `fetch` still is in version 7 and in Node.js itself. The older kind is given the
 * headers as they came, so that those of one name are not taken for one.
 */
export class Asker {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #modern: boolean;
  #fault: { readonly error: unknown } | undefined;

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler;
    this.#modern = typeof handler.onRequestStart === "function";
  }

  /** Whether it is given the flow itself, and not only a way to abort. */
  get hasFlow(): boolean {
    return this.#modern;
  }

  /** Whether this is what the asker itself threw. */
  threw(error: unknown): boolean {
    return this.#fault?.error === error;
  }

  start(flow: Flow): void {
    if (this.#modern) this.#handler.onRequestStart?.(flow, {});
    else this.#handler.onConnect?.((reason) => flow.abort(reason));
  }

  responseStarted(): void {
    if (!this.#modern) this.#handler.onResponseStarted?.();
  }

  responseStart(
    flow: Flow,
    status: number,
    headers: IncomingHttpHeaders,
    statusMessage: string | undefined,
  ): void {
    try {
      if (this.#modern) {
        this.#handler.onResponseStart?.(flow, status, headers, statusMessage);
        return;
      }
      const raw = rawOf(flow.rawHeaders, headers);
      const resume = (): void => flow.resume();
      const going = this.#handler.onHeaders?.(status, raw, resume, statusMessage ?? "");
      // Of an answer that announces another one there is nothing to hold back.
      if (going === false && status >= 200) flow.pause();
    } catch (error) {
      throw this.#own(error);
    }
  }

  responseData(flow: Flow, chunk: Buffer): void {
    try {
      if (this.#modern) this.#handler.onResponseData?.(flow, chunk);
      else if (this.#handler.onData?.(chunk) === false) flow.pause();
    } catch (error) {
      throw this.#own(error);
    }
  }

  responseEnd(flow: Flow, trailers: IncomingHttpHeaders): void {
    if (this.#modern) this.#handler.onResponseEnd?.(flow, trailers);
    else this.#handler.onComplete?.(rawOf(flow.rawTrailers, trailers) as unknown as string[]);
  }

  upgrade(flow: Flow, status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    if (this.#modern) this.#handler.onRequestUpgrade?.(flow, status, headers, socket);
    else this.#handler.onUpgrade?.(status, rawOf(flow.rawHeaders, headers), socket);
  }

  error(flow: Flow, error: unknown): void {
    if (this.#modern) this.#handler.onResponseError?.(flow, error as Error);
    else this.#handler.onError?.(error as Error);
  }

  #own(error: unknown): unknown {
    this.#fault = { error };
    return error;
  }
}

/** Headers as they came, or made up from what they were made into. */
function rawOf(raw: RawHeaders, headers: IncomingHttpHeaders): Buffer[] {
  if (Array.isArray(raw)) return raw as Buffer[];
  return Object.entries(headers).flatMap(([name, value]) =>
    [value ?? []]
      .flat()
      .flatMap((each) => [Buffer.from(name, "latin1"), Buffer.from(each, "latin1")]),
  );
}
