import type { Store } from "../../store/store.ts";

/** A second client of the records of a {@link StoreUnderTest}. */
export interface SecondClient {
  readonly store: Store;

  /** Does to it what SIGKILL does to a process: nothing is sent, not even a good-bye. */
  readonly kill?: (() => void | Promise<void>) | undefined;
}

/**
 * A store to be held to the contract, and the means to bring about what befalls stores. Every
 * means is optional; what is not tested for the lack of one is reported.
 */
export interface StoreUnderTest {
  /** Closed by the suite after each test. */
  readonly store: Store;

  /** Opens another client of the same records; closed by the suite. */
  readonly another?: (() => Promise<SecondClient>) | undefined;

  /** Compacts the history up to now. */
  readonly compact?: (() => void | Promise<void>) | undefined;

  /** Puts another, empty store in the place of this one, with revisions that start again. */
  readonly wipe?: (() => void | Promise<void>) | undefined;

  /** Ends all sessions, as an operator can. */
  readonly revokeSessions?: (() => void | Promise<void>) | undefined;

  /** How many sessions the store itself knows. */
  readonly sessions?: (() => number | Promise<number>) | undefined;

  /** Takes the store away (true) or brings it back with all that it held (false). */
  readonly outage?: ((away: boolean) => void | Promise<void>) | undefined;

  /** Puts things that are no records where the records of this service, and all services, lie. */
  readonly litter?: ((service: string) => void | Promise<void>) | undefined;

  /** How many requests the store has got so far. */
  readonly roundTrips?: (() => number | Promise<number>) | undefined;

  /** Lets a little time pass while the suite waits for something; by default 5 ms of real time. */
  readonly tick?: (() => Promise<unknown>) | undefined;

  /** Ends what `open` started; called last. */
  readonly release?: (() => void | Promise<void>) | undefined;
}

/** Something that a part of the contract can only be tested with. */
export type StoreContractNeed =
  | "atomicWrites"
  | "oneRoundTrip"
  | "reasons"
  | "another"
  | "kill"
  | "compact"
  | "wipe"
  | "revokeSessions"
  | "sessions"
  | "outage"
  | "litter"
  | "roundTrips";
