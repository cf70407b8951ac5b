import * as methods from "../../store/etcd3/methods.ts";
import type { Limits } from "../told.ts";
import type { Clients } from "./clients.ts";

/** How many members etcd's cluster has. */
export async function memberCount({ grpc }: Clients, limits: Limits): Promise<number> {
  const call = { ...limits, repeatable: true, linearizable: false };
  const { members } = await grpc.unary(methods.memberList, {}, call);
  return members.length;
}
