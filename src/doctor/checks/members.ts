import { type Check, fine, notChecked, problem, type Sight, warning } from "../finding.ts";
import type { ClusterFacts, EndpointFacts, MemberFacts } from "../facts.ts";
import { groups } from "../groups.ts";

/** Whether all endpoints are of one cluster, and each of another member of it. */
export const members: Check<ClusterFacts> = {
  name: "members",
  title: "Members",
  look: ({ endpoints, members }) => {
    const known = membersKnown(endpoints);
    if (known.length === 0) return [notChecked("no endpoint tells which member it is")];
    const clusters = groups(known, ({ clusterId }) => clusterId);
    if (clusters.size > 1) {
      const seen = [...clusters].map(([id, of]) => `${id.toString(16)} at ${addresses(of)}`);
      const remedy = "All endpoints must lead to one cluster; leave out those of another.";
      return [problem(`of ${clusters.size} clusters: ${seen.join("; ")}`, { remedy })];
    }
    const doubles = [...groups(known, ({ memberId }) => memberId).values()].filter(
      (of) => of.length > 1,
    );
    const sights: Sight[] = doubles.map((of) =>
      warning(`the same one answers at ${addresses(of)}`, {
        remedy: "Such endpoints fail together. Give each member's own address, once.",
      }),
    );
    const distinct = groups(known, ({ memberId }) => memberId).size;
    if (!members.told) return [...sights, notChecked(members.why)];
    return [...sights, fine(`${distinct} of ${members.value} in the cluster are reached`)];
  },
};

/** Whether each member knows a leader, and the same one. */
export const leader: Check<ClusterFacts> = {
  name: "leader",
  title: "Leader",
  look: ({ endpoints }) => {
    const known = membersKnown(endpoints);
    if (known.length === 0) return [notChecked("no endpoint tells of its member")];
    const sights: Sight[] = known.flatMap(({ address: where, leader, learner }) => {
      if (leader === 0n) {
        const remedy =
          "It is cut off from the others, or most of them are away: it can serve neither writes nor agreed reads.";
        return problem("it knows of none", { where, remedy });
      }
      const remedy = "It serves hardly anything. Promote it, or leave it out.";
      return learner ? warning("it is a learner, with no vote", { where, remedy }) : [];
    });
    const led = known.filter(({ leader }) => leader !== 0n);
    if (groups(led, ({ leader }) => leader).size > 1) {
      const remedy = "Look again in a few seconds: members may be about to choose one.";
      sights.push(warning("the members do not agree on one", { remedy }));
    }
    const [first] = led;
    if (sights.length > 0 || first === undefined) return sights;
    return [fine(`there is one, in term ${first.term}`)];
  },
};

/** What a member says, and where. */
export type KnownMember = MemberFacts & { readonly address: string };

/** The members that have answered. */
export function membersKnown(endpoints: readonly EndpointFacts[]): KnownMember[] {
  return endpoints.flatMap(({ address, member }) =>
    member.told ? { address, ...member.value } : [],
  );
}

function addresses(of: readonly KnownMember[]): string {
  return of.map(({ address }) => address).join(" and ");
}
