/**
 * What goes to the page, as JSON. There is no field for a password, a user or anything else that signs in,
 * and what is not named here does not go.
 */

/** A map of strings as pairs, so that no name in it means anything to the page. */
export type WirePairs = readonly (readonly [name: string, value: string])[];

/** One host. What is empty or false is left out. */
export interface WireHost {
  /** Names it among all hosts of all services. */
  readonly key: string;
  readonly service: string;
  readonly uuid: string;
  readonly hostname?: string | undefined;
  readonly ports?: WirePairs | undefined;

  /** Absent: the same as {@link hostname}, and so with the ports. */
  readonly privateHostname?: string | undefined;
  readonly privatePorts?: WirePairs | undefined;
  readonly public?: true | undefined;
  readonly critical?: true | undefined;
  readonly draining?: true | undefined;
  readonly shard?: string | undefined;

  /** Absent: 1. */
  readonly weight?: number | undefined;
  readonly metadata?: WirePairs | undefined;

  /** When it came, in milliseconds since 1970. Absent: it was there before the dashboard was. */
  readonly since?: number | undefined;

  /** Why nobody can call it by what its record says. */
  readonly problem?: string | undefined;

  /** What is unusual, and may be meant. */
  readonly note?: string | undefined;
}

/** What the hosts of a service share, and how well it is known. */
export interface WireService {
  readonly name: string;
  readonly critical?: true | undefined;
  readonly public?: true | undefined;
  readonly hostname?: string | undefined;
  readonly ports?: WirePairs | undefined;

  /** Its changes cannot be followed now, or it could not be read at all. */
  readonly stale?: true | undefined;

  /** Why, if that is known. */
  readonly error?: string | undefined;
}

/** How far all of it can be trusted. */
export interface WireState {
  readonly source: "live" | "stale" | "none";

  /** Since when it is not live, in milliseconds since 1970. */
  readonly since?: number;

  /** Why, if that is known. */
  readonly error?: string;

  /** etcd is there and refuses: the user, or what the user asks for. */
  readonly denied?: true;

  /** The endpoint of etcd in use. */
  readonly endpoint?: string;
}

/** Something that happened to a host while the dashboard was there. */
export interface WireLogEntry {
  /** Counts up by one. */
  readonly n: number;

  /** In milliseconds since 1970. */
  readonly at: number;
  readonly type: "up" | "update" | "down";

  /** That of the host. */
  readonly key: string;
  readonly service: string;

  /** What people call the host. */
  readonly name: string;
  readonly shard?: string;

  /** Of a `down`. */
  readonly reason?: "unregistered" | "expired" | "resync";

  /** Of an `update`: the names of the fields that are others now. */
  readonly changed?: readonly string[];
}

/** The event `reset`: forget what you know, when `ready` comes; here is all there is, in several updates. */
export interface WireReset {
  /** The time of the server, in milliseconds since 1970; so in all events. */
  readonly now: number;

  /** Since when the server follows etcd: what happened before it cannot know. */
  readonly watchingSince: number;
  readonly state: WireState;
}

/** The event `update`: what is different. Applying one twice does no harm. */
export interface WireUpdate {
  readonly now: number;
  readonly state?: WireState;

  /** Services that came, or are others now. */
  readonly services?: readonly WireService[];
  readonly goneServices?: readonly string[];

  /** Hosts that came, or are others now. */
  readonly hosts?: readonly WireHost[];

  /** The keys of hosts that went. */
  readonly goneHosts?: readonly string[];
  readonly log?: readonly WireLogEntry[];
}

/** The event `ping`, every ten seconds, and `ready`, when all there is was told. */
export interface WirePing {
  readonly now: number;
  readonly state: WireState;
}

/** All events that the server sends, by their names. */
export interface WireEvents {
  readonly reset: WireReset;
  readonly update: WireUpdate;
  readonly ready: WirePing;
  readonly ping: WirePing;
}
