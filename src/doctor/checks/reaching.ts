import { type Check, fine, problem, type Sight, warning } from "../finding.ts";
import type { EndpointFacts, ReachFacts } from "../facts.ts";
import { reachRemedy } from "../reach-remedy.ts";

/** Whether etcd answers at each endpoint. */
export const reaching: Check<ReachFacts> = {
  name: "endpoint",
  title: "Endpoint",
  look: ({ api, endpoints }) =>
    endpoints.map((endpoint) => (api === 3 ? byGrpc(endpoint) : byHttp(endpoint))),
};

function byGrpc({ address: where, http, member }: EndpointFacts): Sight {
  if (member.told && http.told) return fine(`answers, etcd ${member.value.version}`, where);
  if (member.told) {
    const seen = `answers by gRPC, but not by HTTP, as its version and time are told: ${failure(http)}`;
    return warning(seen, { where, remedy: "Does something on the way let only HTTP/2 through?" });
  }
  if (!http.told) {
    return problem(`does not answer: ${member.why}`, {
      where,
      remedy: reachRemedy(where, member.error),
    });
  }
  const version = http.value.version === undefined ? "something else than etcd" : "etcd";
  const remedy =
    "Something on the way lets no HTTP/2 through, which gRPC needs, or it is no endpoint for clients.";
  return problem(`${version} answers by HTTP, but not by gRPC: ${member.why}`, { where, remedy });
}

/** API 2 is spoken by HTTP alone. */
function byHttp({ address: where, http }: EndpointFacts): Sight {
  if (!http.told) {
    return problem(`does not answer: ${http.why}`, {
      where,
      remedy: reachRemedy(where, http.error),
    });
  }
  const { version } = http.value;
  if (version !== undefined) return fine(`answers, etcd ${version}`, where);
  const remedy = "Is this the right port? etcd's endpoints for clients mostly end in :2379.";
  return problem("what answers there is no etcd", { where, remedy });
}

function failure(told: EndpointFacts["http"]): string {
  return told.told ? "" : told.why;
}
