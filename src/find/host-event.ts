import type { Host } from "../model/host.ts";

/**
 * Why a host went:
 *
 * - `unregistered`: it left by itself (its last known record was draining, or the store said so);
 * - `expired`: its lease ran out, or its record was deleted by hand;
 * - `resync`: it went while changes could not be followed; found out by listing again.
 */
export type DownReason = "unregistered" | "expired" | "resync";

/** What happened to one host of a service. */
export type HostEvent =
  | {
      /** The host came. */
      readonly type: "up";
      readonly host: Host;
      readonly previous?: undefined;
      readonly reason?: undefined;
    }
  | {
      /** The host is still there, with another record. */
      readonly type: "update";
      readonly host: Host;

      /** The host as it was told last. */
      readonly previous: Host;
      readonly reason?: undefined;
    }
  | {
      /** The host went. */
      readonly type: "down";

      /** As it was last known. */
      readonly host: Host;
      readonly previous?: undefined;
      readonly reason: DownReason;
    };
