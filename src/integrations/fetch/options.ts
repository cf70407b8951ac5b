import type { ConnectionOptions } from "node:tls";
import type { Dispatcher } from "undici";
import { optionalMilliseconds, optionsBag } from "../../arguments.ts";
import type { Discovery } from "../../discovery.ts";
import { checkLiveOptions, type LiveOptions } from "../../find/live/live-options.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import { readBoolean } from "../../model/option-values.ts";
import { kindOf, refuse, shown } from "../../model/refuse.ts";

/** How connections to hosts by `https` are made; see `tls.connect` of Node.js for each. */
export interface ServiceTlsOptions extends Pick<
  ConnectionOptions,
  "ca" | "cert" | "key" | "passphrase" | "pfx" | "rejectUnauthorized" | "minVersion"
> {
  /** The name that a host's certificate has to have. Default: the host's own hostname. */
  readonly servername?: string | undefined;
}

/** What a {@link ServiceClient} is made from: a `discovery`, `pools`, or both. */
export interface ServiceClientOptions {
  /** Makes a live pool of each service when it is first asked for, and ends the client when it is closed. */
  readonly discovery?: Discovery | undefined;

  /** Live pools by the name that urls have for them. They are left open when the client is closed. */
  readonly pools?: Readonly<Record<string, LivePool>> | undefined;

  /** Options of the pools that are made from `discovery`: the same for all, or by the service's name. */
  readonly live?: LiveOptions | ((service: string) => LiveOptions | undefined) | undefined;

  /** What follows the service's name in urls. Other hosts are none of ours. Default: `.discovery`. */
  readonly suffix?: string | undefined;

  /** Whether hosts are reached by their public or by their private hostname and ports. Default: `public`. */
  readonly face?: "public" | "private" | undefined;

  /**
   * Whether requests carry the user and password of the host they go to as Basic authorization,
   * unless they have an authorization already. A request that a redirect makes never does, with
   * `fetch`. Default: false.
   */
  readonly credentials?: boolean | undefined;

  /**
   * How long one attempt may take until its response begins, in milliseconds; each piece of a
   * streamed body that is sent gives it as long again. Default: 10,000.
   */
  readonly attemptTimeoutMs?: number | undefined;

  /** How long a connection may take until it is there, TLS included, in milliseconds. Default: 1,000. */
  readonly connectTimeoutMs?: number | undefined;

  /** How long a response's body may be silent, in milliseconds. Default: 300,000. */
  readonly bodyTimeoutMs?: number | undefined;

  /** How long the first request to a service waits until its hosts are known, in milliseconds. Default: 5,000. */
  readonly readyTimeoutMs?: number | undefined;

  /** How often a request that may have been sent is tried again on another host; 0 or more. Default: 2. */
  readonly retries?: number | undefined;

  /** The most connections to one host. Requests beyond that wait for one. Default: 100. */
  readonly connections?: number | undefined;

  readonly tls?: ServiceTlsOptions | undefined;

  /** Where requests to all other hosts go, redirected ones too. It is left open. Default: an `Agent` of the client's own. */
  readonly otherwise?: Dispatcher | undefined;
}

/** Options that were checked, with the defaults filled in. */
export interface ServiceClientSettings {
  readonly discovery: Discovery | undefined;
  readonly pools: ReadonlyMap<string, LivePool>;
  readonly live: (service: string) => LiveOptions | undefined;
  readonly suffix: string;
  readonly private: boolean;
  readonly credentials: boolean;
  readonly attemptTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly readyTimeoutMs: number;
  readonly retries: number;
  readonly connections: number;
  readonly tls: ServiceTlsOptions;
  readonly otherwise: Dispatcher | undefined;
}

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function checkServiceClientOptions(options: ServiceClientOptions): ServiceClientSettings {
  const bag = optionsBag<ServiceClientOptions>(options, {
    discovery: true,
    pools: true,
    live: true,
    suffix: true,
    face: true,
    credentials: true,
    attemptTimeoutMs: true,
    connectTimeoutMs: true,
    bodyTimeoutMs: true,
    readyTimeoutMs: true,
    retries: true,
    connections: true,
    tls: true,
    otherwise: true,
  });
  const { discovery, pools, otherwise, tls = {} } = bag;
  if (discovery === undefined && pools === undefined) {
    refuse("options", "give a discovery, pools, or both");
  }
  if (discovery !== undefined && !hasMethod(discovery, "live")) {
    refuse("discovery", `must be a Discovery, not ${kindOf(discovery)}`);
  }
  if (otherwise !== undefined && !hasMethod(otherwise, "dispatch")) {
    refuse("otherwise", `must be a dispatcher of undici, not ${kindOf(otherwise)}`);
  }
  optionsBag(
    tls,
    {
      ...{ ca: true, cert: true, key: true, passphrase: true, pfx: true },
      ...{ rejectUnauthorized: true, minVersion: true, servername: true },
    },
    "tls",
  );
  return {
    ...{ discovery, otherwise, tls },
    pools: checkPools(pools),
    live: checkLive(bag.live),
    suffix: checkSuffix(bag.suffix),
    private: checkFace(bag.face) === "private",
    credentials: readBoolean("credentials", bag.credentials, false),
    attemptTimeoutMs: optionalMilliseconds("attemptTimeoutMs", bag.attemptTimeoutMs, 1) ?? 10_000,
    connectTimeoutMs: optionalMilliseconds("connectTimeoutMs", bag.connectTimeoutMs, 1) ?? 1_000,
    bodyTimeoutMs: optionalMilliseconds("bodyTimeoutMs", bag.bodyTimeoutMs, 1) ?? 300_000,
    readyTimeoutMs: optionalMilliseconds("readyTimeoutMs", bag.readyTimeoutMs, 0) ?? 5_000,
    retries: whole("retries", bag.retries, 0, 2),
    connections: whole("connections", bag.connections, 1, 100),
  };
}

function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== "object" || value === null) return false;
  return typeof (value as Record<string, unknown>)[name] === "function";
}

function checkPools(pools: ServiceClientOptions["pools"]): ReadonlyMap<string, LivePool> {
  if (pools === undefined) return new Map();
  if (Object.prototype.toString.call(pools) !== "[object Object]" || hasMethod(pools, "begin")) {
    refuse("pools", `must be an object such as { api: pool }, not ${kindOf(pools)}`);
  }
  const named = Object.entries(pools).map(([name, pool]) => {
    if (!hasMethod(pool, "begin"))
      refuse(`pools.${name}`, `must be a LivePool, not ${kindOf(pool)}`);
    // As urls have it.
    return [name.toLowerCase(), pool] as const;
  });
  return new Map(named);
}

function checkLive(live: ServiceClientOptions["live"]): ServiceClientSettings["live"] {
  if (typeof live === "function") return live;
  if (live !== undefined && (typeof live !== "object" || live === null)) {
    refuse(
      "live",
      `must be the options of live pools, or a function that returns them, not ${kindOf(live)}`,
    );
  }
  checkLiveOptions(live, Math.random);
  return () => live;
}

function checkSuffix(suffix: string | undefined = ".discovery"): string {
  if (typeof suffix === "string" && /^(\.[a-z0-9-]+)+$/i.test(suffix)) return suffix.toLowerCase();
  refuse("suffix", `must be one such as ".discovery", not ${shown(suffix)}`);
}

function checkFace(face: "public" | "private" = "public"): "public" | "private" {
  if (face === "public" || face === "private") return face;
  refuse("face", `must be "public" or "private", not ${shown(face)}`);
}

function whole(field: string, value: number | undefined, least: number, otherwise: number): number {
  const given: unknown = value === undefined ? otherwise : value;
  if (typeof given === "number" && Number.isSafeInteger(given) && given >= least) return given;
  refuse(field, `must be a whole number from ${least} on, not ${shown(given)}`);
}
