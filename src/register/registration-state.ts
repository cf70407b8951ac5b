import type { Credentials } from "./credentials.ts";

/**
 * Where a registration stands.
 *
 * - `registering`: not on etcd yet;
 * - `registered`: on etcd;
 * - `lost`: was on etcd, and is being put back; or its lease ran out while this process stood still,
 *   and nobody had a turn to look yet;
 * - `draining`: on etcd, marked as about to leave, by its owner or by an operator, who can take that back;
 * - `unhealthy`: was on etcd, and is withdrawn because its own health check fails; it comes back when
 *   that succeeds again. Before the check has succeeded for the first time it is `registering`;
 * - `closed`: ended.
 *
 * More may come with later versions.
 */
export type RegistrationState =
  | "registering"
  | "registered"
  | "lost"
  | "draining"
  | "unhealthy"
  | "closed";

/** What a registration tells its listeners, by event. */
export interface RegistrationEvents {
  /** The state has changed to this one. */
  state: RegistrationState;

  /** Another host of the service has changed the credentials to these. */
  credentials: Credentials;
}
