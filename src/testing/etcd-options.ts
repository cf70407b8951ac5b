import { readFile } from "node:fs/promises";
import type { PemSource } from "../discovery-options.ts";
import { DiscoveryError } from "../errors.ts";
import { checkAuth, type EtcdAuth } from "./etcd-auth.ts";

/** How {@link startEtcd} starts a throwaway etcd. */
export interface StartEtcdOptions {
  /** How many members the cluster has: 1, 3 or 5. Default: 1. */
  readonly size?: number | undefined;

  /** The `etcd` program. Default: what {@link findEtcd} finds. */
  readonly binary?: string | undefined;

  /** Serves clients over TLS. Default: plain text. */
  readonly tls?: EtcdTls | undefined;

  /** Asks for a password. Default: it does not. */
  readonly auth?: EtcdAuth | undefined;

  /**
   * Whether its members can be cut off from each other (`isolate()`). Their messages to each other
   * then pass through this process, which must not be busy for as long as an election takes.
   * Default: false.
   */
  readonly partitionable?: boolean | undefined;

  /** Further flags of etcd, after and thus above those given by default, e.g. `["--auth-token-ttl", "5"]`. */
  readonly args?: readonly string[] | undefined;

  /** How long a start may take until it serves, in milliseconds. Default: 30,000. */
  readonly timeoutMs?: number | undefined;

  /** Aborting while it starts stops what was started and rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** TLS of the addresses for clients. */
export interface EtcdTls {
  readonly cert: PemSource;
  readonly key: PemSource;

  /** Who signs the certificates of clients. Wanted for `clientCertAuth`. */
  readonly ca?: PemSource | undefined;

  /** Refuses clients without a certificate. Default: false. */
  readonly clientCertAuth?: boolean | undefined;
}

/** @throws DiscoveryError `INVALID_ARGUMENT` */
export function checkOptions(options: StartEtcdOptions): void {
  const { size = 1, tls, auth, partitionable } = options;
  if (![1, 3, 5].includes(size)) {
    throw invalid("size", `is ${String(size)}; a cluster has 1, 3 or 5 members`);
  }
  if (partitionable !== undefined && typeof partitionable !== "boolean") {
    throw invalid("partitionable", "must be true or false");
  }
  if (auth !== undefined) checkAuth(auth);
  if (tls !== undefined && (typeof tls !== "object" || tls === null)) {
    throw invalid("tls", "must be an object with the server's cert and key");
  }
  for (const name of ["cert", "key"] as const) {
    if (tls !== undefined && tls[name] === undefined) throw invalid(`tls.${name}`, "is missing");
  }
  if (tls?.clientCertAuth === true && tls.ca === undefined) {
    throw invalid("tls.ca", "is missing, but clientCertAuth needs it to know its clients");
  }
}

/** The bytes of a PEM, wherever it comes from. */
export async function readPem(name: string, source: PemSource): Promise<Uint8Array | string> {
  if (typeof source === "string" || source instanceof Uint8Array) return source;
  try {
    return await readFile(source.file);
  } catch (error) {
    throw new DiscoveryError("INVALID_ARGUMENT", `tls.${name}: cannot read ${source.file}.`, {
      cause: error,
    });
  }
}

function invalid(name: string, why: string): DiscoveryError {
  return new DiscoveryError("INVALID_ARGUMENT", `startEtcd: ${name} ${why}.`);
}
