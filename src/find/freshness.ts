/** How far what is kept of a service can be trusted to be what etcd holds now. */
export interface Freshness {
  /**
   * - `live`: etcd tells every change as it happens;
   * - `stale`: contact is lost, changes may be missing; it mends itself;
   * - `disk`: read from a file of an earlier process, etcd was not reached yet.
   */
  readonly source: "live" | "stale" | "disk";

  /** The newest revision of the store that is known to be covered. */
  readonly revision: number;

  /** How long ago contact was lost, in milliseconds of the monotonic clock; 0 while `live`. */
  readonly ageMs: number;
}
