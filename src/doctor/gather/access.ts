import type { ConnectionOptions } from "../../discovery-options.ts";
import type { AccessFacts, Right, SignIn } from "../facts.ts";
import { outsideBecause } from "../outside.ts";
import { ask, type Limits, type Told } from "../told.ts";
import type { Clients } from "./clients.ts";
import { rights2 } from "./etcd2.ts";
import { rights, territories } from "./rights.ts";
import { signIn } from "./sign-in.ts";

/** What is asked for, of whom, and of which services; of all if none is named. */
export interface Subject {
  readonly connection: ConnectionOptions;
  readonly services: readonly string[];

  /** Whether this user is to find services only, and needs no right to write. */
  readonly readOnly: boolean;
}

/** Signs in, and tries what it may do. */
export async function accessFacts(
  clients: Clients,
  { connection, readOnly, services }: Subject,
  limits: Limits,
): Promise<AccessFacts> {
  const { api, auth, prefix, tls } = connection;
  const hasCertificate = tls?.cert !== undefined;
  const username = typeof auth === "object" ? auth.username : undefined;
  if (api === 2) {
    const found = await rights2(clients.http, prefix, services, { readOnly }, limits);
    return { api, username, hasCertificate, signIn: signInBy(found, username), rights: found };
  }
  const signedIn = await ask(limits, (within) => signIn(clients.grpc, connection, within));
  const isIn = outsideBecause(signedIn) === undefined;
  const places = territories(prefix, services);
  const found = isIn ? await rights(clients.grpc, places, { readOnly }, limits) : [];
  return { api, username, hasCertificate, signIn: signedIn, rights: found };
}

/** By API 2 nobody signs in: each request has the password, and what is refused may be the key or the user. */
function signInBy(rights: readonly Right[], username: string | undefined): Told<SignIn> {
  const isIn = rights.some(({ answer }) => answer.told && answer.value.granted);
  const failure = rights.find(({ answer }) => !answer.told)?.answer;
  if (isIn) return { told: true, value: username === undefined ? "none" : "in" };
  if (failure?.told === false) return failure;
  return { told: true, value: username === undefined ? "wanted" : "refused" };
}
