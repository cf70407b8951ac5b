import { type Check, fine, notChecked, problem, type Sight } from "../finding.ts";
import type { AccessFacts, Right } from "../facts.ts";
import { outsideBecause } from "../outside.ts";

const how = "ETCD_USERNAME and ETCD_PASSWORD, or --username and --password-file, sign in.";

/** Whether we are who we say. */
export const signingIn: Check<AccessFacts> = {
  name: "sign-in",
  title: "Sign-in",
  look: ({ hasCertificate, signIn, username }) => {
    const user = username === undefined ? "no user" : `user ${JSON.stringify(username)}`;
    if (!signIn.told) {
      const remedy = "etcd was reached, and serves nothing. Is there a leader, and an alarm?";
      return [problem(`etcd did not say who we are: ${signIn.why}`, { remedy })];
    }
    switch (signIn.value) {
      case "in":
        return [fine(`${user} has signed in`)];
      case "none":
        return [
          fine(
            hasCertificate
              ? "none was needed: etcd asks for no user, or takes the name of our certificate for one"
              : "etcd asks for no user: whoever reaches it may do anything",
          ),
        ];
      case "idle":
        return [fine(`${user} was given, but etcd asks for none`)];
      case "wanted":
        return [problem("etcd asks for a user, and none was given", { remedy: how })];
      case "refused":
        return [
          problem(`etcd refused ${user}`, {
            remedy: `Is the name spelt right, and the password the newest one? ${how}`,
          }),
        ];
    }
  },
};

/** What each right is needed for. */
const needs: Readonly<Record<Right["kind"], string>> = {
  read: "to find services",
  watch: "to follow services",
  write: "to register",
  lease: "to register",
};

/** Whether our user may do what this package does. */
export const rights: Check<AccessFacts> = {
  name: "rights",
  title: "Rights",
  look: (facts) => {
    const { rights, signIn } = facts;
    if (rights.length === 0) return [notChecked(outsideBecause(signIn) ?? "none was tried")];
    return rights.map((right) => ofRight(right, facts));
  },
};

function ofRight({ answer, key, kind }: Right, { api, username }: AccessFacts): Sight {
  const where = kind === "lease" ? "leases" : `${kind} ${key}`;
  if (!answer.told) {
    const remedy = "See the findings above; a leader, space and rights are all needed.";
    return problem(`could not be tried: ${answer.why}`, { where, remedy });
  }
  const { granted, tookMs } = answer.value;
  if (granted) return fine(`granted, in ${tookMs.toFixed(1)} ms`, where);
  const whom = username === undefined ? "we" : `user ${JSON.stringify(username)}`;
  const remedy = `${grantBy(api, kind, key)} If only some services are meant, name them: etcd-discovery doctor SERVICE…`;
  return problem(`${whom} may not, which is needed ${needs[kind]}`, { where, remedy });
}

/** How an operator grants it. */
function grantBy(api: 2 | 3, kind: Right["kind"], key: string): string {
  if (kind === "lease") return "Whoever has signed in may have one: see the log of etcd.";
  const access = kind === "write" ? "readwrite" : "read";
  if (api === 2) {
    return `Grant it: ETCDCTL_API=2 etcdctl role grant ROLE --path '${key}*' --${access}.`;
  }
  const range = key.endsWith("/") ? "--prefix " : "";
  return `Grant it: etcdctl role grant-permission ${range}ROLE ${access} '${key}'.`;
}
