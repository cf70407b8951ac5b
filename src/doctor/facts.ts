import type { HostRecord, InfoRecord } from "../model/record.ts";
import type { Told } from "./told.ts";

/** A certificate as it was seen. */
export interface CertificateFacts {
  /** The name it was given to. */
  readonly subject: string;

  /** When it runs out, in milliseconds since 1970. */
  readonly validTo: number;

  /** Why it is not trusted, such as `CERT_HAS_EXPIRED`; undefined: it is. */
  readonly distrust: string | undefined;
}

/** What an endpoint says by HTTP. */
export interface HttpFacts {
  /** Undefined: what answers there is no etcd. */
  readonly version: string | undefined;

  /** The time it has, by the header `Date`, in milliseconds since 1970; to the second. */
  readonly date: number | undefined;

  /** Our time when it was asked, and when the answer had come. */
  readonly askedAt: number;
  readonly answeredAt: number;

  /** How large its database may become, in bytes; undefined: it does not tell. */
  readonly quotaBytes: number | undefined;
}

/** What an endpoint says by gRPC of the member that it is. */
export interface MemberFacts {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly version: string;
  readonly sizeBytes: number;
  readonly usedBytes: number;

  /** The id of the member that leads; 0: it knows of none. */
  readonly leader: bigint;
  readonly term: bigint;

  /** Alarms, and other words of trouble. */
  readonly errors: readonly string[];
  readonly learner: boolean;

  /** How long each of a few small requests took. */
  readonly latenciesMs: readonly number[];
}

export interface EndpointFacts {
  readonly address: string;

  /** Undefined: plain text. */
  readonly certificate: Told<CertificateFacts> | undefined;
  readonly http: Told<HttpFacts>;
  readonly member: Told<MemberFacts>;
}

/** How etcd can be reached. */
export interface ReachFacts {
  readonly api: 2 | 3;
  readonly timeoutMs: number;

  /** Our time, in milliseconds since 1970. */
  readonly now: number;
  readonly endpoints: readonly EndpointFacts[];

  /** Undefined: we have none. */
  readonly ourCertificate: Told<CertificateFacts> | undefined;

  /** Whether a password goes with requests. */
  readonly hasPassword: boolean;
}

/** How the cluster is. */
export interface ClusterFacts {
  readonly api: 2 | 3;
  readonly endpoints: readonly EndpointFacts[];

  /** How many members it has. */
  readonly members: Told<number>;
}

/** What came of signing in. `none`: no user was given, and none is asked for; `wanted`: none was given, but is; `idle`: one was given, but nobody asks. */
export type SignIn = "in" | "none" | "wanted" | "idle" | "refused";

/** Whether something may be done. */
export interface Right {
  readonly kind: "read" | "watch" | "write" | "lease";

  /** The keys that it is about. */
  readonly key: string;

  /** Whether it was granted, and how long that took. */
  readonly answer: Told<{ readonly granted: boolean; readonly tookMs: number }>;
}

export interface AccessFacts {
  readonly api: 2 | 3;
  readonly username: string | undefined;

  /** Whether we show a certificate, whose name etcd may take for that of a user. */
  readonly hasCertificate: boolean;
  readonly signIn: Told<SignIn>;
  readonly rights: readonly Right[];
}

/** What a host's record lives by. */
export type Life =
  | { readonly by: "lease"; readonly lease: bigint }
  | { readonly by: "ttl"; readonly seconds: number }
  | { readonly by: "nothing" };

export interface SeenHost {
  readonly service: string;
  readonly id: string;

  /** Undefined: it cannot be read. */
  readonly record: HostRecord | undefined;

  /** What makes the record one that nobody can use, in words that show nothing of it. */
  readonly faults: readonly string[];

  /** What in the record is not as its key has it. */
  readonly oddities: readonly string[];
  readonly life: Life;
}

export interface SeenInfo {
  readonly service: string;
  readonly record: InfoRecord | undefined;
  readonly faults: readonly string[];
  readonly oddities: readonly string[];
}

/** A key among the records that is none of a record. */
export interface Stranger {
  readonly key: string;
  readonly why: string;
}

/** All records that were read. */
export interface Records {
  readonly hosts: readonly SeenHost[];
  readonly infos: readonly SeenInfo[];
  readonly strangers: readonly Stranger[];

  /** Whether there are more than are read. */
  readonly more: boolean;
}

/** One look at a lease. */
export interface LeaseLook {
  readonly grantedSeconds: number;

  /** -1: it has ended. */
  readonly remainingSeconds: number;
}

/** Looks at leases by their ids: at many, and then again at those that were in doubt. */
export interface LeaseFacts {
  readonly first: ReadonlyMap<bigint, LeaseLook>;
  readonly second: ReadonlyMap<bigint, LeaseLook>;

  /** How many there are besides, which were not looked at. */
  readonly unseen: number;
}

export interface RecordFacts extends Records {
  readonly api: 2 | 3;

  /** By API 2 there is nothing to be told of leases. */
  readonly leases: Told<LeaseFacts> | undefined;

  /** Whether etcd is on this very machine, and so perhaps everybody. */
  readonly onlyLocal: boolean;
}

/** How many records each API of etcd has. */
export interface ApiFacts {
  readonly api: 2 | 3;
  readonly version: string | undefined;
  readonly v3: Told<number>;

  /** Undefined: API 2 is not served. */
  readonly v2: Told<number | undefined>;
}
