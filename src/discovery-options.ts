import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { createSecureContext } from "node:tls";
import { optionalMilliseconds, optionsBag } from "./arguments.ts";
import { environmentOptions } from "./environment.ts";
import { DiscoveryError } from "./errors.ts";
import { checkedLogger } from "./checked-logger.ts";
import type { Logger } from "./logger.ts";
import { assertPrefix } from "./model/keys.ts";
import { assertOptionNames, type OptionNames, strangeOption } from "./model/option-names.ts";
import { kindOf, quote, refuse } from "./model/refuse.ts";
import type { Store } from "./store/store.ts";

/** A certificate, or a private key: as PEM, or the name of a file, which is read again at each new connection. */
export type PemSource = string | Uint8Array | { readonly file: string };

/** How to know etcd, and to be known by it. */
export interface TlsOptions {
  /** Whom to trust to have signed etcd's certificate. Default: the authorities that Node trusts. */
  readonly ca?: PemSource | undefined;

  /** Our certificate, where etcd asks for one; goes with `key`. */
  readonly cert?: PemSource | undefined;

  /** Our private key; goes with `cert`. */
  readonly key?: PemSource | undefined;

  /** The name that etcd's certificate must bear. Default: the endpoint's hostname. */
  readonly servername?: string | undefined;
}

/** The user of etcd that the records are read and written as. */
export interface AuthOptions {
  readonly username: string;
  readonly password: string;
}

/** What a `Discovery` can be told. What is left out comes from the environment (`ETCD_*`), or has the default given here. */
export interface DiscoveryOptions {
  /** Where etcd listens, such as `https://10.0.0.1:2379`; without a scheme it is `http`. Given by hand, `tls` and `auth` are not taken from the environment; `prefix` and `api` still are. */
  readonly endpoints?: readonly string[] | undefined;

  /** For `https` endpoints. */
  readonly tls?: TlsOptions | undefined;

  /** User and password, or a function that returns them, which is asked at each sign-in. */
  readonly auth?: AuthOptions | (() => AuthOptions | Promise<AuthOptions>) | undefined;

  /** Goes before every key, such as `/prod`. Default: none. */
  readonly prefix?: string | undefined;

  /**
   * The API of etcd that the records are kept by: 3 (gRPC), or 2 (HTTP, `/v2/keys`) to be one fleet
   * with older clients, on an etcd up to 3.5 that runs with `--enable-v2`. What is written by one is
   * not seen by the other. Default: 3.
   */
  readonly api?: 2 | 3 | undefined;

  /** How long the record of a process that died stays listed, in whole seconds from 2 (etcd's floor; it may grant more). Default: 5. */
  readonly ttlSeconds?: number | undefined;

  /** How long one call may take in all, in milliseconds. Default: 5,000. */
  readonly timeoutMs?: number | undefined;

  /** Told what happens in the background. Default: silent. */
  readonly logger?: Logger | undefined;

  /** Where the records are kept instead of on etcd, such as `memoryStore()`; not beside `endpoints`, `tls`, `auth`, `prefix` and `api`. It is not closed with the `Discovery`. */
  readonly store?: Store | undefined;
}

/** How etcd is reached, all of it checked. */
export interface ConnectionOptions {
  readonly endpoints: readonly string[];
  readonly tls: TlsOptions | undefined;
  readonly auth: DiscoveryOptions["auth"];
  readonly prefix: string;
  readonly api: 2 | 3;
  readonly logger: Logger;
}

export interface CheckedOptions {
  readonly ttlSeconds: number;
  readonly timeoutMs: number;
  readonly logger: Logger;

  /** The store that was given, or how to reach etcd. */
  readonly place: { readonly store: Store } | { readonly connection: ConnectionOptions };
}

const optionNames: OptionNames<DiscoveryOptions> = {
  endpoints: true,
  tls: true,
  auth: true,
  prefix: true,
  api: true,
  ttlSeconds: true,
  timeoutMs: true,
  logger: true,
  store: true,
};

/** Checks all options at once, and adds what the environment says. Throws `INVALID_ARGUMENT` naming the option. */
export function checkOptions(given: DiscoveryOptions | undefined): CheckedOptions {
  const options = optionsBag(given, optionNames);
  const logger = checkedLogger(options.logger);
  for (const name of assertOptionNames(options, optionNames)) logger.warn(strangeOption(name));
  const common = {
    logger,
    ttlSeconds: checkedTtl(options.ttlSeconds),
    timeoutMs: optionalMilliseconds("timeoutMs", options.timeoutMs, 1) ?? 5_000,
  };
  const { store } = options;
  if (store === undefined) return { ...common, place: { connection: connection(options, logger) } };
  for (const name of ["endpoints", "tls", "auth", "prefix", "api"] as const) {
    if (options[name] !== undefined) refuse(name, "cannot be given beside `store`; leave one out");
  }
  if (typeof (store as Partial<Store> | null)?.openSession !== "function") {
    refuse("store", "must be a store, such as memoryStore()");
  }
  return { ...common, place: { store } };
}

function connection(options: DiscoveryOptions, logger: Logger): ConnectionOptions {
  const { endpoints } = options;
  const from = endpoints === undefined ? { ...environmentOptions(), ...defined(options) } : options;
  const prefix = from.prefix ?? environmentVariable("ETCD_PREFIX").prefix ?? "";
  assertPrefix(prefix);
  const { api = environmentVariable("ETCD_API").api ?? 3 } = from;
  if (api !== 2 && api !== 3) refuse("api", "must be 2 or 3");
  const urls = checkedEndpoints(
    from.endpoints,
    endpoints === undefined ? "ETCD_HOSTS" : "endpoints",
  );
  const names = options.tls === undefined ? tlsVariables : tlsNames;
  const tls = from.tls === undefined ? undefined : checkedTls(from.tls, names);
  const plain = urls.find((url) => url.protocol === "http:");
  if (plain !== undefined && tls !== undefined) {
    refuse(
      "tls",
      `cannot be used with ${plain.origin}; write https:// in the endpoint, or leave tls out`,
    );
  }
  const auth = checkedAuth(from.auth);
  const exposed = urls.find((url) => url.protocol === "http:" && !isLoopback(url.hostname));
  if (auth !== undefined && exposed !== undefined) {
    logger.warn("the password for etcd goes over the network in the clear; use https", {
      endpoint: exposed.origin,
    });
  }
  return { endpoints: urls.map((url) => url.origin), tls, auth, prefix, api, logger };
}

function environmentVariable(name: string): DiscoveryOptions {
  return environmentOptions({ [name]: process.env[name] });
}

/** What the parts of `tls` are called in refusals: as options, and as variables. */
const tlsNames = { ca: "tls.ca", cert: "tls.cert", key: "tls.key" };
const tlsVariables = { ca: "ETCD_CACERT", cert: "ETCD_TLS_CERT", key: "ETCD_TLS_KEY" };

function defined(options: DiscoveryOptions): DiscoveryOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** @param name of the option or variable, for refusals */
function checkedEndpoints(endpoints: DiscoveryOptions["endpoints"], name: string): URL[] {
  if (!Array.isArray(endpoints) || endpoints.length === 0) {
    refuse(name, "must be a list of at least one URL, such as http://localhost:2379");
  }
  return Array.from(endpoints, (endpoint: unknown) => {
    if (typeof endpoint !== "string") refuse(name, `must be strings, not ${kindOf(endpoint)}`);
    // Not shown in refusals before it is known to carry no password.
    if (endpoint.includes("@")) {
      refuse(name, "must not carry a user or a password; give them as `auth`");
    }
    const text = endpoint.includes("://") ? endpoint : `http://${endpoint}`;
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || (url.protocol !== "http:" && url.protocol !== "https:")) {
      refuse(name, "must be http or https URLs, such as http://localhost:2379");
    }
    if (url.pathname !== "/" || url.search !== "" || url.hash !== "") {
      refuse(name, `must end after the port, as ${url.origin} does`);
    }
    return url;
  });
}

function checkedTls(tls: TlsOptions, names: typeof tlsVariables): TlsOptions {
  if (typeof tls !== "object" || tls === null)
    refuse("tls", `must be an object, not ${kindOf(tls)}`);
  assertOptionNames(tls, { ca: true, cert: true, key: true, servername: true });
  const { ca, cert, key, servername } = tls;
  if (cert === undefined && key !== undefined) refuse("tls.cert", "is missing beside tls.key");
  if (key === undefined && cert !== undefined) refuse("tls.key", "is missing beside tls.cert");
  if (servername !== undefined && typeof servername !== "string") {
    refuse("tls.servername", `must be a string, not ${kindOf(servername)}`);
  }
  // Read and parsed once here, so that a mistake shows at once and not as a connection that never comes.
  const pems = {
    ca: readPem(names.ca, ca),
    cert: readPem(names.cert, cert),
    key: readPem(names.key, key),
  };
  assertUsable(names.ca, () => certificates(pems.ca));
  assertUsable("tls", () => createSecureContext(pems));
  return tls;
}

/** The certificates in a PEM. Node itself would pass over an authority that it cannot read. */
function certificates(pem: Buffer | undefined): X509Certificate[] {
  if (pem === undefined) return [];
  const text = pem.toString();
  const begun = text.match(/-----BEGIN /g)?.length;
  const whole = text.match(/-----BEGIN [^-]*CERTIFICATE-----[^-]*-----END [^-]*-----/g) ?? [];
  if (whole.length !== begun) throw new Error("it holds something other than whole certificates");
  return whole.map((block) => new X509Certificate(block));
}

function assertUsable(field: string, use: () => unknown): void {
  try {
    use();
  } catch (cause) {
    throw new DiscoveryError(
      "INVALID_ARGUMENT",
      `${field}: cannot be used: ${(cause as Error).message}`,
      { cause },
    );
  }
}

function readPem(field: string, source: PemSource | undefined): Buffer | undefined {
  if (source === undefined) return undefined;
  let pem: Buffer;
  if (typeof source === "string" || source instanceof Uint8Array) pem = Buffer.from(source);
  else if (typeof source?.file === "string") {
    try {
      pem = readFileSync(source.file);
    } catch (cause) {
      const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
      throw new DiscoveryError(
        "INVALID_ARGUMENT",
        `${field}: ${quote(source.file)} cannot be read (${reason})`,
        { cause },
      );
    }
  } else refuse(field, "must be a PEM as a string or Buffer, or { file: name }");
  if (!pem.includes("-----BEGIN ")) refuse(field, "is no PEM");
  return pem;
}

function checkedAuth(auth: DiscoveryOptions["auth"]): DiscoveryOptions["auth"] {
  if (auth === undefined || typeof auth === "function") return auth;
  if (typeof auth !== "object" || auth === null) {
    refuse("auth", `must be { username, password } or a function, not ${kindOf(auth)}`);
  }
  for (const name of ["username", "password"] as const) {
    if (typeof auth[name] !== "string" || auth[name] === "") {
      refuse(`auth.${name}`, "must be a string that is not empty");
    }
  }
  return auth;
}

function checkedTtl(ttlSeconds: number | undefined): number {
  if (ttlSeconds === undefined) return 5;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 2 || ttlSeconds > 9_000_000_000) {
    refuse("ttlSeconds", "must be a whole number of seconds from 2 to 9,000,000,000");
  }
  return ttlSeconds;
}

function isLoopback(hostname: string): boolean {
  const bare = hostname.replace(/^\[|\]$/g, "");
  if (isIP(bare) === 4) return bare.startsWith("127.");
  return bare === "::1" || bare === "localhost" || bare.endsWith(".localhost");
}
