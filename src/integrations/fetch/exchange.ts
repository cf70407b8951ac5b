import type { IncomingHttpHeaders } from "node:http";
import type { Duplex } from "node:stream";
import type { Dispatcher } from "undici";
import { Backoff } from "../../async/backoff.ts";
import { type CancelTimer, systemClock } from "../../async/clock.ts";
import type { KeepAlive } from "../../async/keep-alive.ts";
import { DiscoveryError, isDiscoveryError } from "../../errors.ts";
import type { Host } from "../../model/host.ts";
import type { Asker } from "./asker.ts";
import { Attempt, type AttemptObserver } from "./attempt.ts";
import { withAuthorization } from "./authorization.ts";
import type { Deadlines } from "./deadlines.ts";
import { Flow, type Steered } from "./flow.ts";
import type { ServiceClientSettings } from "./options.ts";
import type { RequestBody } from "./request-body.ts";
import { isFailedStatus, isMistake, retryAfterMs } from "./retry-rules.ts";
import type { Picked, ServiceHosts } from "./service-hosts.ts";

/** A request to a service. */
export interface ServiceRequest {
  readonly service: ServiceHosts;
  readonly scheme: string;
  readonly options: Dispatcher.DispatchOptions;
  readonly body: RequestBody;
  readonly key: string | undefined;
  readonly credentials: boolean;

  /** Whether the host may see it twice. */
  readonly idempotent: boolean;
  readonly attemptTimeoutMs: number;
}

export interface ExchangeContext {
  readonly settings: ServiceClientSettings;
  readonly keepAlive: KeepAlive;
  readonly deadlines: Deadlines;
}

/** Who was tried before the first attempt. */
const nobody: readonly Host[] = [];

/**
 * One request and its response, in as many attempts as it takes and as are safe: on another host if
 * the request was never sent, or if it may be sent twice and nothing of a response was given out yet.
 */
export class Exchange implements AttemptObserver, Steered {
  readonly #request: ServiceRequest;
  readonly #context: ExchangeContext;
  readonly #asker: Asker;
  readonly #flow: Flow = new Flow(this);

  /** The hosts of the attempts before the one that there is. */
  #tried: readonly Host[] = nobody;
  #attempt: Attempt | undefined;
  #stopWaiting: CancelTimer | undefined;
  #backoff: Backoff | undefined;
  #retries = 0;
  #answered = false;
  #over = false;

  constructor(request: ServiceRequest, asker: Asker, context: ExchangeContext) {
    const { headers } = request.options;
    this.#request = request;
    // What can be gone through only once is for all attempts.
    if (
      typeof headers === "object" &&
      headers !== null &&
      !Array.isArray(headers) &&
      Symbol.iterator in headers
    ) {
      this.#request = {
        ...request,
        options: { ...request.options, headers: [...headers].flat() as string[] },
      };
    }
    this.#asker = asker;
    this.#context = context;
  }

  begin(): void {
    this.#request.service.budget.request();
    // Now, so that an abort is heard from the first moment on.
    this.#asker.start(this.#flow);
    if (!this.#over) this.#go(undefined);
  }

  sent(controller: Dispatcher.DispatchController): void {
    this.#flow.lead(controller);
  }

  responseStarted(): void {
    this.#asker.responseStarted();
  }

  answered(attempt: Attempt, status: number, headers: IncomingHttpHeaders, message?: string): void {
    if (isFailedStatus(status)) {
      const waitMs = retryAfterMs(headers["retry-after"]);
      if (waitMs !== undefined && this.#mayRetry(true)) {
        attempt.discard();
        this.#goAfter(Math.max(waitMs, this.#backoffMs()), undefined);
        return;
      }
    }
    this.#answered ||= status >= 200;
    this.#asker.responseStart(this.#flow, status, headers, message);
  }

  data(chunk: Buffer): void {
    this.#asker.responseData(this.#flow, chunk);
  }

  ended(trailers: IncomingHttpHeaders): void {
    this.#end();
    this.#asker.responseEnd(this.#flow, trailers);
    this.#flow.forget(this.#asker.hasFlow);
  }

  upgraded(status: number, headers: IncomingHttpHeaders, socket: Duplex): void {
    this.#asker.upgrade(this.#flow, status, headers, socket);
    this.#end();
    this.#flow.forget(this.#asker.hasFlow);
  }

  failed(error: Error, sent: boolean): void {
    if (this.isCallers(error)) this.#fail(error);
    else if (!sent) this.#go(error);
    else if (this.#answered || !this.#mayRetry(false)) this.#fail(error);
    else this.#goAfter(this.#backoffMs(), error);
  }

  aborted(reason: Error): void {
    this.#attempt?.cancel(reason);
    this.#fail(reason);
  }

  isCallers(error: Error): boolean {
    return isMistake(error) || this.#asker.threw(error) || this.#request.body.failedWith(error);
  }

  /** Asks the next host. `previous` is what the last one failed with. */
  #go(previous: Error | undefined): void {
    const { service, scheme, key, options, body, credentials, attemptTimeoutMs } = this.#request;
    const tried = this.#asked();
    let picked: Picked;
    try {
      picked = service.begin(scheme, key, tried);
    } catch (error) {
      if (isDiscoveryError(error, "NOT_READY")) this.#goWhenKnown();
      else this.#fail(previous ?? error);
      return;
    }
    const { headers = null } = options;
    const attempt = new Attempt(picked, this, this.#context.deadlines, attemptTimeoutMs);
    this.#attempt = attempt;
    this.#tried = tried;
    try {
      attempt.send({
        ...options,
        origin: picked.connections.origin,
        body: body.forAttempt(attempt),
        headers: credentials ? withAuthorization(headers, attempt.host) : headers,
      });
    } catch (error) {
      // Such as headers that are none.
      attempt.cancel(error as Error);
      this.#fail(error);
    }
  }

  /** The hosts of all attempts. */
  #asked(): readonly Host[] {
    return this.#attempt === undefined ? this.#tried : [...this.#tried, this.#attempt.host];
  }

  #goAfter(delayMs: number, previous: Error | undefined): void {
    const release = this.#context.keepAlive.hold();
    const cancel = systemClock.setTimeout(() => {
      release();
      this.#go(previous);
    }, delayMs);
    this.#stopWaiting = () => {
      release();
      cancel();
    };
  }

  #goWhenKnown(): void {
    const { pool } = this.#request.service;
    const { readyTimeoutMs } = this.#context.settings;
    const over = new AbortController();
    const cancel = systemClock.setTimeout(() => {
      const message = `the hosts of ${JSON.stringify(pool.service)} were not known within ${readyTimeoutMs} ms`;
      over.abort(new DiscoveryError("NOT_READY", message));
    }, readyTimeoutMs);
    this.#stopWaiting = () => {
      cancel();
      over.abort();
    };
    pool
      .waitReady({ signal: over.signal })
      .finally(cancel)
      .then(
        () => this.#over || this.#go(undefined),
        (error: unknown) => this.#over || this.#fail(error),
      );
  }

  /** Takes a retry of what may have been sent, if that is safe and there is one left. `answered`: only if there is another host. */
  #mayRetry(answered: boolean): boolean {
    const { body, idempotent, options, scheme, service } = this.#request;
    if (!body.replayable || !idempotent) return false;
    if (options.upgrade || this.#retries >= this.#context.settings.retries) return false;
    if (answered && !service.hasOther(scheme, this.#asked())) return false;
    if (!service.budget.take()) return false;
    this.#retries += 1;
    return true;
  }

  #backoffMs(): number {
    this.#backoff ??= new Backoff({ minimumMs: 25, maximumMs: 250 });
    return this.#backoff.next();
  }

  #fail(error: unknown): void {
    if (this.#over) return;
    this.#end();
    this.#request.body.discard();
    this.#asker.error(this.#flow, error);
    this.#flow.forget(this.#asker.hasFlow);
  }

  #end(): void {
    this.#over = true;
    this.#stopWaiting?.();
    this.#flow.end();
  }
}
