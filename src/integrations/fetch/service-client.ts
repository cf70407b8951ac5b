import { type Dispatcher, fetch, Request, type RequestInit, type Response } from "undici";
import { optionsBag } from "../../arguments.ts";
import { isDiscoveryError } from "../../errors.ts";
import { assertOptionalString } from "../../model/refuse.ts";
import { Hops } from "./hops.ts";
import { checkServiceClientOptions, type ServiceClientOptions } from "./options.ts";
import {
  checkRequestInit,
  isForeignRequest,
  ownBody,
  replayOf,
  type ServiceRequestInit,
  takenApart,
} from "./request-init.ts";
import { isIdempotent } from "./retry-rules.ts";
import { Router } from "./router.ts";
import { ServiceDispatcher } from "./service-dispatcher.ts";

/** What the requests through one dispatcher have in common. */
export interface DispatcherOptions {
  /** What they are about: strategies that mind keys send the same key to the same host. */
  readonly key?: string | undefined;
}

/**
 * HTTP by service name: `http://my-service.discovery/path` goes to a host that a live pool picks, and
 * to another one if that fails and it is safe. Connections are kept open for each host, and closed
 * when it goes. It ends by `close()`, or with the discovery it was made from; nothing of it keeps the
 * process alive but requests that are under way. The constructor throws `INVALID_ARGUMENT`.
 */
export class ServiceClient implements AsyncDisposable {
  readonly #router: Router;

  /** For `request`, `stream` and `WebSocket` of undici, and for another `fetch`, such as that of Node.js 20. */
  readonly dispatcher: Dispatcher;

  /**
   * As the `fetch` that everybody knows, of undici; it may be called without its client. Rejects with
   * a `DiscoveryError` where there is no host to ask, and as `fetch` does where a host did not answer:
   * with a `TypeError` whose `cause` is what the last one failed with.
   */
  readonly fetch: (
    input: string | URL | Request | globalThis.Request,
    init?: ServiceRequestInit,
  ) => Promise<Response>;

  constructor(options: ServiceClientOptions) {
    this.#router = new Router(checkServiceClientOptions(options));
    this.dispatcher = new ServiceDispatcher(this.#router, { credentials: true });
    this.fetch = (input, init) => this.#fetch(input, init);
  }

  /** A dispatcher for requests that have something in common. Throws `INVALID_ARGUMENT`. */
  dispatcherFor(options: DispatcherOptions): Dispatcher {
    const { key } = optionsBag(options, { key: true });
    assertOptionalString("key", key);
    return new ServiceDispatcher(this.#router, { key, credentials: true });
  }

  /**
   * Lets the requests that were begun end, but no longer than half a minute, and closes all connections
   * and the pools that were made here. Idempotent, never rejects.
   */
  close(): Promise<void> {
    return this.#router.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #fetch(
    input: string | URL | Request | globalThis.Request,
    init: ServiceRequestInit = {},
  ): Promise<Response> {
    checkRequestInit(init);
    const { key, idempotent, attemptTimeoutMs, ...own } = init;
    const foreign = isForeignRequest(input);
    const standard = (foreign ? { ...takenApart(input), ...own } : own) as RequestInit;
    const body = ownBody(own.body);
    if (body !== undefined) standard.body = body;
    const method =
      standard.method ?? (typeof input === "object" && "method" in input ? input.method : "GET");
    const again = isIdempotent(method.toUpperCase(), idempotent);
    const hops = new Hops(this.#router, {
      key,
      idempotent,
      attemptTimeoutMs,
      credentials:
        (standard.credentials ?? (input instanceof Request ? input.credentials : undefined)) !==
        "omit",
      replay: again ? replayOf(body) : undefined,
    });
    standard.dispatcher = hops as unknown as Dispatcher;
    try {
      return await fetch(foreign ? input.url : (input as string | URL | Request), standard);
    } catch (error) {
      const { cause } = error as { cause?: unknown };
      if (isDiscoveryError(cause)) throw cause;
      throw error;
    }
  }
}
