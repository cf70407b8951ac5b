import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { CheckTls } from "../health-check.ts";
import type { ProbeTarget } from "../probe-target.ts";

/** How to connect to a server that speaks TLS. */
export function tlsOptions(
  { ca, servername, rejectUnauthorized }: CheckTls = {},
  { hostname }: ProbeTarget,
): ConnectionOptions {
  const name = servername ?? (isIP(hostname) === 0 ? hostname : undefined);
  return {
    rejectUnauthorized: rejectUnauthorized ?? true,
    ...(ca !== undefined && { ca }),
    // TLS has no addresses as names (RFC 6066, section 3); Node.js compares the address itself then.
    ...(name !== undefined && { servername: name }),
  };
}
