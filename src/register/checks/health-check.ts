/** What a check function is given. */
export interface CheckContext {
  /** Aborts when its time is up, and when the registration ends: pass it on to whatever is waited for. */
  readonly signal: AbortSignal;
}

/**
 * Says whether this host is well: by returning `true` or nothing, or a promise of that. It is not well
 * when `false` is returned, when it throws or rejects, or when its time is up; what is thrown is
 * told by `lastError`, so it should not hold secrets.
 */
export type CheckFunction = (
  context: CheckContext,
) => boolean | undefined | void | Promise<boolean | undefined | void>;

/**
 * When a host is checked, and what follows. The defaults find out in some 5 seconds, as long as the
 * lease of a process that died: what is not said otherwise is as in HAProxy.
 */
export interface CheckTiming {
  /**
   * The time from the beginning of one check to that of the next, in milliseconds, give or take a
   * tenth, so that many hosts do not check all at once; a check that takes longer is followed by the
   * next when it has ended. Default: 2,000 (HAProxy, `inter`; Kubernetes has 10 s).
   */
  readonly intervalMs?: number | undefined;

  /** How long one check may take, in milliseconds. Default: 1,000 (Kubernetes, `timeoutSeconds`). */
  readonly timeoutMs?: number | undefined;

  /** After how many failures in a row the host is withdrawn; 1 or more. Default: 3 (HAProxy, `fall`; Kubernetes, `failureThreshold`). */
  readonly fall?: number | undefined;

  /**
   * After how many successes in a row a host that was withdrawn comes back; 1 or more. For the first
   * registration one is enough. Default: 2 (HAProxy, `rise`; Kubernetes, whose `successThreshold`
   * is 1, waits longer between two checks).
   */
  readonly rise?: number | undefined;
}

/** Where a check that goes over the network goes: to this very host, as others would. */
export interface CheckTarget {
  /** Which of the host's hostnames and ports. Default: `"private"`. */
  readonly face?: "private" | "public" | undefined;

  /** The name of the port. Default: see the kind of check; a host's only port is always found. */
  readonly scheme?: string | undefined;

  /** Another hostname than that of the face, such as `127.0.0.1`; IPv6 without brackets. */
  readonly hostname?: string | undefined;

  /** A port that the host does not register, such as one for administration. */
  readonly port?: number | undefined;
}

/** What is to be known about a server that speaks TLS. It is verified as clients of it would. */
export interface CheckTls {
  /** The certificates to trust, as PEM. Default: those that Node.js trusts. */
  readonly ca?: string | Buffer | undefined;

  /** The name that the server's certificate is to have. Default: the hostname that the check connects to. */
  readonly servername?: string | undefined;

  /** False: any certificate will do, as for the probes of Kubernetes. Not together with `credentials`. Default: true. */
  readonly rejectUnauthorized?: boolean | undefined;
}

/** A function, with other timing than the default. */
export interface FunctionCheck extends CheckTiming {
  readonly type: "function";
  readonly run: CheckFunction;
}

/**
 * An HTTP request: the host is well if the whole answer comes in time and its status is 2xx, as in
 * Consul. A redirect is not followed, and is no success. Each check has a connection of its own.
 */
export interface HttpCheck extends CheckTiming, CheckTarget {
  readonly type: "http";

  /** The name of the port. Default: `http`, else `https`. TLS is spoken on one called `https`, and wherever `tls` is given. */
  readonly scheme?: string | undefined;

  /** With a query, if need be; that is left out of messages. Default: `/`. */
  readonly path?: string | undefined;

  /** Default: `GET`. */
  readonly method?: "GET" | "HEAD" | undefined;

  /** Headers to send. Default: none but those that HTTP asks for. */
  readonly headers?: Readonly<Record<string, string>> | undefined;

  /** True: the host's user and password are sent, as Basic authorization. Default: false. */
  readonly credentials?: boolean | undefined;

  readonly tls?: CheckTls | undefined;
}

/** A connection: the host is well if it accepts one, which is closed at once. */
export interface TcpCheck extends CheckTiming, CheckTarget {
  readonly type: "tcp";
}

/**
 * A call to the health service of gRPC (`grpc.health.v1.Health/Check`; grpc/grpc, doc/health-checking.md):
 * the host is well if it answers `SERVING`.
 */
export interface GrpcCheck extends CheckTiming, CheckTarget {
  readonly type: "grpc";

  /** The name of the port. Default: `grpc`, else `grpcs`, `http`, `https`. TLS is spoken on one called `grpcs` or `https`, and wherever `tls` is given. */
  readonly scheme?: string | undefined;

  /** The gRPC service to ask for, such as `my.package.Service`. Default: the server as a whole. */
  readonly service?: string | undefined;

  readonly tls?: CheckTls | undefined;
}

/** How a host finds out whether it is well. */
export type HealthCheck = CheckFunction | FunctionCheck | HttpCheck | TcpCheck | GrpcCheck;

/** A check that goes over the network. */
export type Probe = HttpCheck | TcpCheck | GrpcCheck;
