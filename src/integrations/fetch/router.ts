import { Agent, type Dispatcher, errors, Pool } from "undici";
import { systemClock } from "../../async/clock.ts";
import { KeepAlive } from "../../async/keep-alive.ts";
import { DiscoveryError } from "../../errors.ts";
import { quote } from "../../model/refuse.ts";
import { Asker } from "./asker.ts";
import { Deadlines } from "./deadlines.ts";
import { Exchange, type ExchangeContext } from "./exchange.ts";
import { Flow } from "./flow.ts";
import type { ServiceClientSettings } from "./options.ts";
import { RequestBody } from "./request-body.ts";
import { isIdempotent } from "./retry-rules.ts";
import { graceMs } from "./host-connections.ts";
import { closedError, ServiceHosts } from "./service-hosts.ts";
import { type Target, targetOf } from "./target.ts";

/** What a request asks for beyond what undici knows. */
export interface Choice {
  readonly key?: string | undefined;

  /** Whether the caller is known to ask for this very request. */
  readonly credentials: boolean;
  readonly attemptTimeoutMs?: number | undefined;

  /** Whether the host may see it twice. Default: by the method, or as undici was told. */
  readonly idempotent?: boolean | undefined;

  /** To be sent in place of the body that there is, if there is one. */
  readonly replay?: string | Uint8Array | Blob | undefined;
}

/** So many origins are remembered at most; a client asks for few. */
const mostTargets = 1_000;

/** Leads each request to a host of the service that its url names, and all others past. */
export class Router {
  readonly settings: ServiceClientSettings;
  readonly #context: ExchangeContext;
  readonly #services = new Map<string, ServiceHosts>();

  /** By origin, as there are few of them, and they are looked at for each request; null for those that are none of ours. */
  readonly #targets = new Map<string, Target | null>();
  #agent: Agent | undefined;

  /** Those of the agent, which forgets them as soon as it is told to close. */
  readonly #others = new Set<Pool>();
  #closing: Promise<void> | undefined;

  constructor(settings: ServiceClientSettings) {
    this.settings = settings;
    const deadlines = new Deadlines(systemClock);
    this.#context = { settings, deadlines, keepAlive: new KeepAlive() };
  }

  /** The service that an origin is of; undefined if it is none of ours. Throws `INVALID_ARGUMENT`. */
  target(origin: string | URL | undefined): Target | undefined {
    const text = typeof origin === "string" ? origin : (origin?.origin ?? "");
    const known = this.#targets.get(text);
    if (known !== undefined) return known ?? undefined;
    const target = targetOf(text, this.settings.suffix);
    if (this.#targets.size >= mostTargets) this.#targets.clear();
    this.#targets.set(text, target ?? null);
    return target;
  }

  /** As `dispatch` of undici; what goes wrong is told to the handler. */
  dispatch(
    options: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler,
    choice: Choice,
  ): boolean {
    let exchange: Exchange;
    try {
      if (this.#closing !== undefined) throw closedError();
      const target = this.target(options.origin);
      if (target === undefined) return this.#otherwise().dispatch(options, handler);
      const { body = null } = options;
      const request = {
        service: this.#service(target.service),
        scheme: target.scheme,
        options,
        // Blobs, too, which undici takes though it does not say so.
        body: RequestBody.of(body && ((choice.replay as Uint8Array | undefined) ?? body)),
        key: choice.key,
        credentials: choice.credentials && this.settings.credentials,
        idempotent: isIdempotent(options.method, choice.idempotent ?? options.idempotent),
        attemptTimeoutMs: choice.attemptTimeoutMs ?? this.settings.attemptTimeoutMs,
      };
      exchange = new Exchange(request, new Asker(handler), this.#context);
    } catch (error) {
      // Later, as from any other dispatcher.
      queueMicrotask(() => new Asker(handler).error(new Flow(undefined), error));
      return true;
    }
    exchange.begin();
    return true;
  }

  /** Lets the requests that were begun end, but no longer than half a minute. Idempotent, never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Breaks all requests off. Never rejects. */
  async destroy(reason: Error): Promise<void> {
    const services = [...this.#services.values()];
    const closed = this.close();
    await Promise.all([...services.map((each) => each.destroy(reason)), this.#breakOff(reason)]);
    await closed;
  }

  async #close(): Promise<void> {
    const services = [...this.#services.values()];
    this.#services.clear();
    const pools = new Set(this.settings.pools.values());
    await Promise.all([
      ...services.map((each) => each.close()),
      ...services.map(({ pool }) => (pools.has(pool) ? undefined : pool.close())),
      this.#closeAgent(),
    ]);
    this.#context.deadlines.close();
  }

  #service(name: string): ServiceHosts {
    const known = this.#services.get(name);
    if (known !== undefined) return known;
    const { discovery, live, pools } = this.settings;
    const given = pools.get(name);
    const pool = given ?? discovery?.live(name, live(name));
    if (pool === undefined) {
      const names = [...pools.keys()].join(", ");
      throw new DiscoveryError(
        "SERVICE_NOT_FOUND",
        `there is no pool for ${quote(name)}, but for ${names}`,
      );
    }
    const service = new ServiceHosts(pool, this.settings, () => {
      // One that was made here ends with the discovery, and so does everything.
      if (given === undefined) void this.close();
      else this.#forget(name, service);
    });
    this.#services.set(name, service);
    return service;
  }

  #forget(name: string, service: ServiceHosts): void {
    if (this.#services.get(name) === service) this.#services.delete(name);
    void service.close();
  }

  #otherwise(): Dispatcher {
    if (this.settings.otherwise !== undefined) return this.settings.otherwise;
    this.#agent ??= new Agent({
      factory: (origin, options) => {
        const pool = new Pool(origin, options);
        this.#others.add(pool);
        pool.on("disconnect", () => pool.closed && this.#others.delete(pool));
        return pool;
      },
    });
    return this.#agent;
  }

  async #closeAgent(): Promise<void> {
    const late = (): void => void this.#breakOff(new errors.ClientClosedError());
    const cancel = systemClock.setTimeout(late, graceMs);
    await this.#agent?.close().catch(() => {});
    cancel();
  }

  async #breakOff(reason: Error): Promise<void> {
    await Promise.allSettled(Array.from(this.#others, (pool) => pool.destroy(reason)));
  }
}
