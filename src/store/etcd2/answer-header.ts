import type { IncomingHttpHeaders } from "node:http";
import type { AnswerHeader } from "../etcd/cluster.ts";

/** What the headers of an answer tell of the cluster, where nothing on the way has left them out. */
export function headerOf(
  headers: IncomingHttpHeaders,
): (AnswerHeader & { readonly revision: number }) | undefined {
  const index = headers["x-etcd-index"];
  const clusterId = headers["x-etcd-cluster-id"];
  if (typeof index !== "string" || !/^\d{1,15}$/.test(index)) return undefined;
  const revision = Number(index);
  return { clusterId: typeof clusterId === "string" ? clusterId : undefined, revision };
}
