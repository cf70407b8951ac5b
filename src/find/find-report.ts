import type { Host } from "../model/host.ts";
import type { WatchEnd } from "../store/store.ts";

/**
 * Why a service that is followed was listed again: its changes could not be followed without a gap
 * (`compacted`, `replaced`, `refused`), or a comparison found some that etcd never told of (`drift`).
 */
export type ResyncReason = WatchEnd | "drift";

/** Told of what befalls those that find and follow. */
export interface FindReport {
  /** A service was listed again. */
  resynced(service: string, reason: ResyncReason): void;

  /** A comparison found so many changes of a service that the store never told of. */
  viewDrifted(service: string, changes: number): void;

  /** A pool leaves a host alone for so long. */
  ejected(service: string, host: Host, failures: number, forMs: number): void;

  /** A host that was ejected may be picked again: on trial, or because it has proved to work. */
  returned(service: string, host: Host, outcome: "trial" | "recovered"): void;
}
