import type { EtcdJson } from "./etcd-gateway.ts";

/** One member of a throwaway etcd. */
export interface EtcdMember {
  /** Where clients reach it, e.g. `http://127.0.0.1:23790`. Stays the same through every restart. */
  readonly endpoint: string;

  /** Where its data lies. */
  readonly dataDir: string;

  /** The id of its process; `undefined` while it does not run. */
  readonly pid: number | undefined;

  /** Kills it with SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;

  /** Stops it with SIGSTOP, so that it hangs: connections stay open, nothing is answered. */
  pause(): void;

  /** Lets it go on after {@link pause}. */
  resume(): void;

  /** Kills it if it runs, and starts it with the same data at the same address; resolves when it serves. */
  restart(): Promise<void>;

  /** The last hundred lines that it wrote, through all its restarts. */
  logs(): string;
}

/** A throwaway etcd: a real one, on this machine alone, that is gone with this process at the latest. */
export interface EtcdCluster extends EtcdMember, AsyncDisposable {
  /** Where clients reach its members. */
  readonly endpoints: readonly string[];

  /**
   * Its members, for what concerns one of them alone. What `EtcdMember` has is here too: what is
   * done, is done to all of them; what is asked, is answered by the first.
   */
  readonly members: readonly EtcdMember[];

  /** The version of etcd, e.g. `3.4.23`. */
  readonly version: string;

  /**
   * Kills it, loses all data, and starts it at the same addresses; resolves when it serves. Its
   * cluster id stays the same, as that of an etcd whose disk was lost, unless `newCluster` is true.
   */
  wipe(options?: { readonly newCluster?: boolean | undefined }): Promise<void>;

  /** Forgets all revisions before this one. Default: the newest. */
  compact(revision?: number): Promise<void>;

  /**
   * Calls etcd's JSON gateway, as root and by a way that needs no certificate, e.g.
   * `call("/v3/kv/put", { key: btoa("a"), value: btoa("b") })`. Bytes are base64, 64-bit numbers
   * strings.
   */
  call(path: string, body: EtcdJson): Promise<EtcdJson>;

  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}
