import { type Blame, CallError } from "../etcd/call-error.ts";

/** One request to etcd's keys API (etcd, Documentation/v2/api.md). */
export interface KeysRequest {
  readonly method: "GET" | "PUT" | "DELETE";

  /** As it is, not encoded, such as `/prod/services/a b`. */
  readonly key: string;

  /** The query of a GET or DELETE, the form of a PUT. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;

  /** Whether etcd may leave out of its answer what is there now, and was before. Default: false. */
  readonly brief?: boolean | undefined;
}

export interface KeysNode {
  readonly key: string;
  readonly value?: string | undefined;
  readonly dir?: true | undefined;

  /** What is in a directory, if that was asked for. */
  readonly nodes?: readonly KeysNode[] | undefined;
  readonly modifiedIndex: number;
  readonly createdIndex: number;

  /** In seconds; left out where the key lives for ever. */
  readonly ttl?: number | undefined;
}

export interface KeysAnswer {
  /** Such as `get`, `set`, `compareAndSwap`, `delete`, `expire`. */
  readonly action: string;
  readonly node: KeysNode;
  readonly prevNode?: KeysNode | undefined;

  /** How far etcd had come (`X-Etcd-Index`); of an event, when its poll began. */
  readonly index: number;
}

/** etcd's error codes that this driver knows by name (etcd, Documentation/v2/errorcode.md). */
export const errorCodes = {
  notFound: 100,
  compareFailed: 101,
  notAFile: 102,
  notADirectory: 104,
  alreadyExists: 105,
  rootIsReadOnly: 107,
  unauthorized: 110,
  raftInternal: 300,
  leaderElect: 301,
  historyCleared: 401,
} as const;

/** etcd's own word about a request: the endpoint served. */
export class KeysError extends CallError {
  static {
    this.prototype.name = "KeysError";
  }

  readonly errorCode: number;

  /** How far etcd had come; 0 where it did not look. */
  readonly index: number;
  readonly blame: Blame = "request";

  constructor(errorCode: number, message: string, index: number) {
    super(message, { answered: true });
    this.errorCode = errorCode;
    this.index = index;
  }
}

/** Whether etcd refused a request with one of these codes, or with any if none is given. */
export function isKeysError(error: unknown, ...codes: readonly number[]): error is KeysError {
  return error instanceof KeysError && (codes.length === 0 || codes.includes(error.errorCode));
}
