import type { HostChanges, HostOptions } from "../../../src/index.ts";

/** User and password, as they are set and seen. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** What an actor is told to do. The names of what it makes are given to it. */
export type Command =
  | { readonly do: "open"; readonly discovery: string }
  | { readonly do: "close"; readonly discovery: string }
  | {
      readonly do: "register";
      readonly discovery: string;
      readonly registration: string;
      readonly service: string;
      readonly host: HostOptions;
    }
  | { readonly do: "update"; readonly registration: string; readonly changes: HostChanges }
  | { readonly do: "rotate"; readonly registration: string; readonly credentials: Credentials }
  | { readonly do: "drain"; readonly registration: string; readonly delayMs: number }
  | { readonly do: "unregister" | "abort"; readonly registration: string }
  | {
      readonly do: "subscribe";
      readonly discovery: string;
      readonly subscription: string;
      readonly service: string;
      readonly as: Following;
    }
  | { readonly do: "read" | "leave"; readonly subscription: string }
  | { readonly do: "lookup"; readonly discovery: string; readonly service: string }
  | { readonly do: "report" }
  | { readonly do: "end" };

/** Following by events, or by views; `"late"`: by events that are not read before the end. */
export type Following = "events" | "views" | "late";

/** A host as somebody is told of it. */
export interface SeenHost extends Credentials {
  readonly uuid: string;
  readonly hostname: string;
  readonly public: boolean;
  readonly shard: string;
  readonly weight: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly draining: boolean;
}

/** A service's info as somebody is told of it. */
export interface SeenInfo extends Credentials {
  readonly hostname: string;
  readonly public: boolean;
}

export interface SeenEvent {
  readonly type: "up" | "update" | "down";
  readonly host: SeenHost;
  readonly previous?: SeenHost | undefined;
}

export interface SeenView {
  readonly hosts: readonly SeenHost[];
  readonly info: SeenInfo | undefined;
  readonly added: readonly string[];
  readonly updated: readonly string[];
  readonly removed: readonly string[];
  readonly live: boolean;
}

/** Where a registration stands, as it says itself. */
export interface Standing {
  readonly registration: string;
  readonly uuid: string;
  readonly state: string;
  readonly credentials: Credentials | undefined;
  readonly error: string | undefined;
}

/** What an actor says. `about` is the number of the command that it answers. */
export type News =
  | { readonly about: number; readonly done: true }
  | { readonly about: number; readonly failed: string }
  | { readonly about: number; readonly found: readonly SeenHost[] }
  | { readonly about: number; readonly standings: readonly Standing[] }
  /** After the end: the resources that are left, and listeners on signals that it was given. */
  | { readonly about: number; readonly left: readonly string[] }
  | { readonly registration: string; readonly uuid: string }
  | { readonly registration: string; readonly state: string }
  | { readonly registration: string; readonly credentials: Credentials }
  | { readonly subscription: string; readonly event: SeenEvent }
  | { readonly subscription: string; readonly view: SeenView }
  | { readonly subscription: string; readonly ended: string }
  | { readonly log: string }
  /** Its event loop stood still for so long: it was frozen, or the machine is busy. */
  | { readonly stalledMs: number }
  /** Something that must never happen. */
  | { readonly fault: string };
