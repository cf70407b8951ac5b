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

  /** A comparison found so many changes of a service that is followed that the store never told of. */
  drifted(service: string, of: "followed", changes: number): void;

  /**
   * A pool leaves a host alone, for so long after so many failures; or it may be picked again: on trial, or
   * because it has proved to work.
   */
  ejection(service: string, host: Host, type: "ejected", failures: number, forMs: number): void;
  ejection(service: string, host: Host, type: "trial" | "recovered"): void;
}
