import { type Check, fine, notChecked, type Sight, warning } from "../finding.ts";
import type { HttpFacts, ReachFacts } from "../facts.ts";

/** By how much clocks may differ. Leases do not mind; certificates and people who read logs do. */
const mostMs = 2_000;

/** How far apart our clock and etcd's are. */
export const clock: Check<ReachFacts> = {
  name: "clock",
  title: "Clock",
  look: ({ endpoints }) =>
    endpoints.map(({ address: where, http }): Sight => {
      if (!http.told) return notChecked("it does not answer by HTTP", where);
      const aheadMs = clockAheadMs(http.value);
      if (aheadMs === undefined) return notChecked("it tells no time", where);
      if (Math.abs(aheadMs) <= mostMs) {
        return fine("agrees with ours, as far as its seconds tell", where);
      }
      const by = `${(Math.abs(aheadMs) / 1_000).toFixed(1)} s`;
      const remedy = "Set both clocks by NTP. Leases go by none of them, but certificates do.";
      return warning(`is ${aheadMs > 0 ? "ahead of" : "behind"} ours by at least ${by}`, {
        where,
        remedy,
      });
    }),
};

/** How far a clock that tells whole seconds is certainly ahead of ours; negative: behind. */
export function clockAheadMs({
  answeredAt,
  askedAt,
  date,
}: Pick<HttpFacts, "answeredAt" | "askedAt" | "date">): number | undefined {
  if (date === undefined) return undefined;
  // Its time was from `date` to a second later at some moment between question and answer.
  if (date > answeredAt) return date - answeredAt;
  if (date + 1_000 < askedAt) return date + 1_000 - askedAt;
  return 0;
}
