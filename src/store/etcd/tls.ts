import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";

/** A certificate or a private key: as PEM, or the name of a file that holds it. */
type PemSource = string | Uint8Array | { readonly file: string };

/** How to know an endpoint, and to be known by it. */
export interface ChannelTls {
  /** Whom to trust to have signed the endpoint's certificate. Default: the authorities that Node trusts. */
  readonly ca?: PemSource | undefined;

  /** Our certificate; goes with `key`. */
  readonly cert?: PemSource | undefined;

  /** Our private key; goes with `cert`. */
  readonly key?: PemSource | undefined;

  /** The name that the endpoint's certificate must bear. Default: the endpoint's hostname. */
  readonly servername?: string | undefined;
}

/**
 * Turns the options into those of `tls.connect`. Reads the files, and is called for each new
 * connection, so that certificates can be replaced while the process runs.
 *
 * @throws whatever reading a file throws
 */
export function tlsConnectOptions(tls: ChannelTls): ConnectionOptions {
  const { ca, cert, key, servername } = tls;
  return {
    ...(ca === undefined ? {} : { ca: readPem(ca) }),
    ...(cert === undefined ? {} : { cert: readPem(cert) }),
    ...(key === undefined ? {} : { key: readPem(key) }),
    ...(servername === undefined ? {} : { servername }),
  };
}

function readPem(source: PemSource): string | Buffer {
  if (typeof source === "string") return source;
  return source instanceof Uint8Array ? Buffer.from(source) : readFileSync(source.file);
}
