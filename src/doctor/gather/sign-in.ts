import type { ConnectionOptions } from "../../discovery-options.ts";
import { isDiscoveryError } from "../../errors.ts";
import { servicesPrefix } from "../../model/keys.ts";
import type { Client } from "../../store/etcd3/client.ts";
import { GrpcError, GrpcStatus } from "../../store/etcd3/grpc-error.ts";
import { prefixRange } from "../../store/etcd3/keys.ts";
import * as methods from "../../store/etcd3/methods.ts";
import { isTokenFault } from "../../store/etcd3/status.ts";
import type { SignIn } from "../facts.ts";
import type { Limits } from "../told.ts";

/** Signs in, or finds out whether it takes no user. Rejects where etcd could not say. */
export async function signIn(
  client: Client,
  { auth, prefix }: Pick<ConnectionOptions, "auth" | "prefix">,
  { signal, timeoutMs }: Limits,
): Promise<SignIn> {
  if (auth !== undefined) {
    try {
      const { token } = await client.authentication.ready(signal);
      return token === undefined ? "idle" : "in";
    } catch (error) {
      if (isDiscoveryError(error, "UNAUTHENTICATED")) return "refused";
      throw error;
    }
  }
  const question = { ...prefixRange(servicesPrefix(prefix)), keysOnly: true, limit: 1n };
  const call = { signal, timeoutMs, repeatable: true, linearizable: true };
  try {
    await client.unary(methods.range, question, call);
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    if (isTokenFault(error)) return "wanted";
    // Somebody we are, then: etcd takes the name of our certificate for that of a user.
    if (error.status !== GrpcStatus.PERMISSION_DENIED) throw error;
  }
  return "none";
}
