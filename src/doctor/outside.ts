import type { AccessFacts } from "./facts.ts";

/** Why nothing can be done with etcd, if that is so. */
export function outsideBecause(signIn: AccessFacts["signIn"]): string | undefined {
  if (!signIn.told) return signIn.why;
  return signIn.value === "refused" || signIn.value === "wanted"
    ? "nobody has signed in"
    : undefined;
}
