import fc from "fast-check";
import type { Following } from "./commands.ts";

/**
 * One of those that there are at the time, whatever number that is: so each step makes sense
 * after any others, and a history can be cut down.
 */
type Which = number;

/** What a process does, and what becomes of processes. */
export type Operation =
  | { readonly do: "start" }
  | { readonly do: "kill"; readonly process: Which }
  | { readonly do: "open"; readonly process: Which }
  | { readonly do: "close"; readonly discovery: Which }
  | {
      readonly do: "register";
      readonly discovery: Which;
      readonly service: Which;
      readonly public: boolean;
      readonly credentials: boolean;
      readonly shard: string;
    }
  | {
      readonly do: "update";
      readonly registration: Which;
      readonly change: "hostname" | "shard" | "weight" | "undrain";
    }
  | { readonly do: "rotate"; readonly registration: Which }
  | { readonly do: "drain"; readonly registration: Which; readonly delayMs: number }
  | { readonly do: "unregister" | "abort"; readonly registration: Which }
  | {
      readonly do: "subscribe";
      readonly discovery: Which;
      readonly service: Which;
      readonly as: Following;
    }
  | { readonly do: "leave"; readonly subscription: Which }
  | { readonly do: "lookup"; readonly discovery: Which; readonly service: Which };

/** What somebody does to the records by hand. */
export type HandStep =
  | {
      readonly do: "by hand";
      readonly host: "delete" | "overwrite" | "spoil" | "order draining";
      readonly registration: Which;
    }
  | {
      readonly do: "by hand";
      readonly info: "delete" | "overwrite" | "empty" | "spoil";
      readonly service: Which;
    };

const which = fc.nat(999);

function weighted<T>(...arbitraries: [number, fc.Arbitrary<T>][]): fc.Arbitrary<T> {
  return fc.oneof(...arbitraries.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

export const operation: fc.Arbitrary<Operation> = weighted<Operation>(
  [3, fc.record({ do: fc.constant("start") })],
  [3, fc.record({ do: fc.constant("kill"), process: which })],
  [1, fc.record({ do: fc.constant("open"), process: which })],
  [1, fc.record({ do: fc.constant("close"), discovery: which })],
  [
    9,
    fc.record({
      do: fc.constant("register"),
      discovery: which,
      service: which,
      public: fc.boolean(),
      // Mostly, so that it is mostly certain that a service has some.
      credentials: fc.constantFrom(true, true, true, true, false),
      shard: fc.constantFrom("", "a", "b"),
    }),
  ],
  [
    6,
    fc.record({
      do: fc.constant("update"),
      registration: which,
      change: fc.constantFrom("hostname", "shard", "weight", "undrain"),
    }),
  ],
  [3, fc.record({ do: fc.constant("rotate"), registration: which })],
  [
    2,
    fc.record({
      do: fc.constant("drain"),
      registration: which,
      delayMs: fc.constantFrom(0, 100, 800),
    }),
  ],
  [4, fc.record({ do: fc.constantFrom("unregister", "abort"), registration: which })],
  [
    4,
    fc.record({
      do: fc.constant("subscribe"),
      discovery: which,
      service: which,
      as: fc.constantFrom("events", "views", "late"),
    }),
  ],
  [1, fc.record({ do: fc.constant("leave"), subscription: which })],
  [2, fc.record({ do: fc.constant("lookup"), discovery: which, service: which })],
);

export const handStep: fc.Arbitrary<HandStep> = weighted<HandStep>(
  [
    3,
    fc.record({
      do: fc.constant("by hand"),
      host: fc.constantFrom("delete", "overwrite", "spoil", "order draining"),
      registration: which,
    }),
  ],
  [
    2,
    fc.record({
      do: fc.constant("by hand"),
      info: fc.constantFrom("delete", "overwrite", "empty", "spoil"),
      service: which,
    }),
  ],
);
