import type { ConnectionOptions } from "../../discovery-options.ts";
import type { ReachFacts } from "../facts.ts";
import { ask, type Limits } from "../told.ts";
import { ownCertificate } from "./certificate.ts";
import { endpointFacts } from "./endpoint.ts";

/** What each endpoint says, all of them asked at once. */
export async function reachFacts(
  connection: ConnectionOptions,
  limits: Limits,
): Promise<ReachFacts> {
  const { api, auth, endpoints, tls } = connection;
  const cert = tls?.cert;
  return {
    api,
    timeoutMs: limits.timeoutMs,
    now: Date.now(),
    endpoints: await Promise.all(
      endpoints.map((address) => endpointFacts(address, connection, limits)),
    ),
    ourCertificate:
      cert === undefined ? undefined : await ask(limits, async () => ownCertificate(cert)),
    hasPassword: auth !== undefined,
  };
}
