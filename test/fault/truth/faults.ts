import fc from "fast-check";

type Which = number;

/** What befalls etcd, the network, and whole processes. `ms`: until it is healed. */
export type Fault =
  | { readonly do: "etcd"; readonly fault: "killed" | "paused"; readonly ms: number }
  | {
      readonly do: "etcd";
      readonly fault:
        | "wiped"
        | "replaced"
        | "compacted"
        | "backed up"
        | "restored"
        | "leader moved";
    }
  | { readonly do: "revoke"; readonly lease: Which | "all" }
  | {
      readonly do: "member";
      readonly member: Which;
      readonly fault: "killed" | "paused" | "isolated";
      readonly ms: number;
    }
  | {
      readonly do: "network";
      readonly process: Which | "all";
      readonly fault: "cut" | "dropped" | "refused" | "stalled" | "up" | "down" | "delayed";
      readonly ms: number;
    }
  | { readonly do: "freeze"; readonly process: Which; readonly ms: number };

const which = fc.nat(999);

/** From a blink to longer than a lease of 2 s. */
const ms = fc.constantFrom(100, 400, 1_000, 2_000, 3_500);

const network: fc.Arbitrary<Fault> = fc.record({
  do: fc.constant("network"),
  process: fc.oneof(which, fc.constant("all" as const)),
  fault: fc.constantFrom("cut", "dropped", "refused", "stalled", "up", "down", "delayed"),
  ms,
});

const freeze: fc.Arbitrary<Fault> = fc.record({ do: fc.constant("freeze"), process: which, ms });

const revoke: fc.Arbitrary<Fault> = fc.record({
  do: fc.constant("revoke"),
  lease: fc.oneof(which, fc.constant("all" as const)),
});

const outage: fc.Arbitrary<Fault> = fc.record({
  do: fc.constant("etcd"),
  fault: fc.constantFrom("killed", "paused"),
  ms,
});

const history = (...faults: (Fault & { do: "etcd"; ms?: never })["fault"][]): fc.Arbitrary<Fault> =>
  fc.record({ do: fc.constant("etcd"), fault: fc.constantFrom(...faults) });

const member: fc.Arbitrary<Fault> = fc.record({
  do: fc.constant("member"),
  member: which,
  fault: fc.constantFrom("killed", "paused", "isolated"),
  ms,
});

/** Of an etcd with one member. */
export const faultOfOne: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 5, arbitrary: network },
  { weight: 2, arbitrary: freeze },
  { weight: 1, arbitrary: revoke },
  { weight: 2, arbitrary: outage },
  {
    weight: 4,
    arbitrary: history("wiped", "replaced", "compacted", "compacted", "backed up", "restored"),
  },
);

/** Of an etcd with three. */
export const faultOfThree: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 4, arbitrary: network },
  { weight: 1, arbitrary: freeze },
  { weight: 1, arbitrary: revoke },
  { weight: 1, arbitrary: outage },
  { weight: 6, arbitrary: member },
  { weight: 3, arbitrary: history("compacted", "leader moved", "leader moved") },
);
