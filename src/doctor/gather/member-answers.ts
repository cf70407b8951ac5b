import { systemClock } from "../../async/clock.ts";
import type { ConnectionOptions } from "../../discovery-options.ts";
import { askForUser } from "../../store/etcd/user.ts";
import type { Channel, Metadata, UnaryMethod } from "../../store/etcd3/channel.ts";
import { MemberStatusResponse, StatusRequest } from "../../store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../store/etcd3/grpc-error.ts";
import { Http2Channel } from "../../store/etcd3/http2-channel.ts";
import * as methods from "../../store/etcd3/methods.ts";
import { isTokenFault } from "../../store/etcd3/status.ts";
import type { MemberFacts } from "../facts.ts";
import type { Limits } from "../told.ts";

/** The member's own answer, which takes neither a leader nor, on most versions of etcd, a user. */
const memberStatus: UnaryMethod<StatusRequest, MemberStatusResponse> = {
  kind: "unary",
  path: "/etcdserverpb.Maintenance/Status",
  request: StatusRequest,
  answer: MemberStatusResponse,
};

/** How many requests the latency is taken from. */
const measurements = 5;

/** What the member behind an endpoint says of itself, and how fast it does. */
export async function memberAnswers(
  address: string,
  { tls, auth }: Pick<ConnectionOptions, "tls" | "auth">,
  { signal, timeoutMs }: Limits,
): Promise<MemberFacts> {
  const channel = new Http2Channel({ origin: address, tls, connectTimeoutMs: timeoutMs });
  const call = { signal, deadlineMs: timeoutMs };
  let metadata: Metadata = {};
  const ask = () => channel.unary(memberStatus, {}, { ...call, metadata });
  try {
    // The first answer pays for the connection.
    const status = await ask().catch(async (error: unknown) => {
      if (!isForUsers(error) || auth === undefined) throw error;
      metadata = { token: await tokenFrom(channel, auth, call) };
      return ask();
    });
    const latenciesMs: number[] = [];
    while (latenciesMs.length < measurements) {
      const startedAt = performance.now();
      await ask();
      latenciesMs.push(performance.now() - startedAt);
    }
    const { header, version, dbSize, dbSizeInUse, leader, raftTerm, errors, isLearner } = status;
    return {
      clusterId: header?.clusterId ?? 0n,
      memberId: header?.memberId ?? 0n,
      version,
      sizeBytes: Number(dbSize),
      usedBytes: Number(dbSizeInUse),
      leader,
      term: raftTerm,
      errors,
      learner: isLearner,
      latenciesMs,
    };
  } finally {
    await channel.close();
  }
}

/** Whether only those who have signed in are answered. */
function isForUsers(error: unknown): boolean {
  if (!(error instanceof GrpcError)) return false;
  return isTokenFault(error) || error.status === GrpcStatus.PERMISSION_DENIED;
}

async function tokenFrom(
  channel: Channel,
  auth: NonNullable<ConnectionOptions["auth"]>,
  call: { readonly signal: AbortSignal; readonly deadlineMs: number },
): Promise<string> {
  const user = typeof auth === "function" ? await askForUser(auth, systemClock) : auth;
  const request = { name: user.username, password: user.password };
  return (await channel.unary(methods.authenticate, request, call)).token;
}
