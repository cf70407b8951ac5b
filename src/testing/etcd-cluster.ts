import type { EtcdAuth } from "./etcd-auth.ts";
import type { EtcdBackup } from "./etcd-backup.ts";
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

  /**
   * Cuts it off from the other members, not from its clients: nothing passes, and nobody is told.
   * It can then serve neither writes nor linearizable reads, and cannot be started.
   *
   * @throws DiscoveryError `INVALID_ARGUMENT` unless it was started with `partitionable: true`.
   */
  isolate(): void;

  /** Ends {@link isolate}. */
  rejoin(): void;

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

  /** The member that leads it; waits until there is one that most members agree on. */
  leader(): Promise<EtcdMember>;

  /**
   * Hands the leadership to a member, any other one by default; resolves when all members that run
   * know of it.
   */
  moveLeader(to?: EtcdMember): Promise<void>;

  /** Gives back the space of what was deleted and compacted, on one member after the other; each blocks meanwhile. */
  defragment(): Promise<void>;

  /** Keeps a copy of its present state. Its members stand still for the moment that this takes. */
  backup(): Promise<EtcdBackup>;

  /**
   * Kills it and starts it with an older state at the same addresses; resolves when it serves. What
   * was written since is lost, and revisions, counted on from those of the backup, come a second
   * time. It has the same cluster id and member ids, so that a client can tell by the revisions
   * alone. The leases of the backup live again, with their whole TTL; users and passwords are those
   * of the backup.
   */
  restore(backup: EtcdBackup): Promise<void>;

  /** Sets up users and asks for a password from now on, also after a {@link wipe}. It must not do so already. */
  enableAuth(auth: EtcdAuth): Promise<void>;

  /** Gives a user, also `root`, another password; the tokens of that user are good no longer. */
  changePassword(user: string, password: string): Promise<void>;

  /**
   * Calls etcd's JSON gateway, as root and by a way that needs no certificate, e.g.
   * `call("/v3/kv/put", { key: btoa("a"), value: btoa("b") })`. Bytes are base64, 64-bit numbers
   * strings.
   */
  call(path: string, body: EtcdJson): Promise<EtcdJson>;

  /** Ends it and removes its folder. Idempotent. */
  stop(): Promise<void>;
}
