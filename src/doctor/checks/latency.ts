import { type Check, fine, notChecked, problem, warning } from "../finding.ts";
import type { ReachFacts } from "../facts.ts";

/** From which median on, in milliseconds, all that is done with etcd is slow. */
const slowMs = 100;

/** How long a small request takes at each endpoint. */
export const latency: Check<ReachFacts> = {
  name: "latency",
  title: "Latency",
  look: ({ endpoints, timeoutMs }) =>
    endpoints.map(({ address: where, member }) => {
      if (!member.told) return notChecked("it does not answer by gRPC", where);
      const tookMs = median(member.value.latenciesMs);
      const seen = `${tookMs.toFixed(1)} ms, the median of ${member.value.latenciesMs.length} small requests`;
      const remedy =
        "Is etcd far away, or its machine or disk busy? A longer --timeout only hides it.";
      if (tookMs > timeoutMs / 2) {
        return problem(`${seen}; a call may take ${timeoutMs} ms in all`, { where, remedy });
      }
      return tookMs > slowMs ? warning(seen, { where, remedy }) : fine(seen, where);
    }),
};

/** The middle one of some numbers; of an even count the upper one. */
function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0;
}
