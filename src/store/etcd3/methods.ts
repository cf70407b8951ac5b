// The methods of etcd's API that are called; their messages are those of proto/etcd.proto.
import type { Decoder, DuplexMethod, Encoder, UnaryMethod } from "./channel.ts";
import {
  AuthenticateRequest,
  AuthenticateResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
  MemberListRequest,
  MemberListResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  StatusRequest,
  StatusResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from "./gen/etcd.ts";

/** Reads a range of keys. */
export const range: UnaryMethod<RangeRequest, RangeResponse> = unary(
  "KV/Range",
  RangeRequest,
  RangeResponse,
);

/** Writes one key. The package itself writes by {@link txn}, always. */
export const put: UnaryMethod<PutRequest, PutResponse> = unary("KV/Put", PutRequest, PutResponse);

/** Compares, and then reads and writes accordingly, all at once. */
export const txn: UnaryMethod<TxnRequest, TxnResponse> = unary("KV/Txn", TxnRequest, TxnResponse);

/** Makes a lease. */
export const leaseGrant: UnaryMethod<LeaseGrantRequest, LeaseGrantResponse> = unary(
  "Lease/LeaseGrant",
  LeaseGrantRequest,
  LeaseGrantResponse,
);

/** Ends a lease, and deletes the keys that live by it. */
export const leaseRevoke: UnaryMethod<LeaseRevokeRequest, LeaseRevokeResponse> = unary(
  "Lease/LeaseRevoke",
  LeaseRevokeRequest,
  LeaseRevokeResponse,
);

/** Tells how long a lease lives if nobody keeps it alive. */
export const leaseTimeToLive: UnaryMethod<LeaseTimeToLiveRequest, LeaseTimeToLiveResponse> = unary(
  "Lease/LeaseTimeToLive",
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
);

/** Gives a token for a name and a password. */
export const authenticate: UnaryMethod<AuthenticateRequest, AuthenticateResponse> = unary(
  "Auth/Authenticate",
  AuthenticateRequest,
  AuthenticateResponse,
);

/** Tells of the member that answers. */
export const status: UnaryMethod<StatusRequest, StatusResponse> = unary(
  "Maintenance/Status",
  StatusRequest,
  StatusResponse,
);

/** Tells who belongs to the cluster. */
export const memberList: UnaryMethod<MemberListRequest, MemberListResponse> = unary(
  "Cluster/MemberList",
  MemberListRequest,
  MemberListResponse,
);

/** Tells what happens in ranges of keys. */
export const watch: DuplexMethod<WatchRequest, WatchResponse> = duplex(
  "Watch/Watch",
  WatchRequest,
  WatchResponse,
);

/** Keeps leases alive. */
export const leaseKeepAlive: DuplexMethod<LeaseKeepAliveRequest, LeaseKeepAliveResponse> = duplex(
  "Lease/LeaseKeepAlive",
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
);

function unary<I, O>(name: string, request: Encoder<I>, answer: Decoder<O>): UnaryMethod<I, O> {
  return { kind: "unary", path: `/etcdserverpb.${name}`, request, answer };
}

function duplex<I, O>(name: string, request: Encoder<I>, answer: Decoder<O>): DuplexMethod<I, O> {
  return { kind: "duplex", path: `/etcdserverpb.${name}`, request, answer };
}
