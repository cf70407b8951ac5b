import type { RegistrationState } from "./registration-state.ts";
import type { Entry } from "./entry.ts";

/** Told of what befalls registrations and what they live by. */
export interface RegisterReport {
  /** The state of a registration is another; undefined: there was none before. */
  registrationChanged(
    entry: Pick<Entry, "service" | "uuid" | "lastError">,
    state: RegistrationState,
    previous: RegistrationState | undefined,
  ): void;

  /** A lease was granted, or has ended, and not by our own will: then with the reason. */
  lease(type: "granted" | "lost", ttlSeconds: number, error?: Error): void;

  /** A comparison found so many changes of own records, and of their infos, that the store never told of. */
  drifted(service: string, of: "registered", changes: number): void;
}
