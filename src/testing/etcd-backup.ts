import { rm } from "node:fs/promises";
import { DiscoveryError } from "../errors.ts";
import { runCommand } from "./command.ts";
import type { EtcdAuth } from "./etcd-auth.ts";

/** A state of a throwaway etcd, to come back to by `restore()`. It is gone with its etcd. */
export interface EtcdBackup {
  /** The revision that the etcd had. What was written while the backup was made may be in it too. */
  readonly revision: number;
}

/** Where a backup lies, and what else there was. */
export class LocalEtcdBackup implements EtcdBackup {
  readonly revision: number;
  readonly folder: string;
  readonly auth: EtcdAuth | undefined;

  constructor(revision: number, folder: string, auth: EtcdAuth | undefined) {
    this.revision = revision;
    this.folder = folder;
    this.auth = auth;
  }
}

/** Puts a copy of a folder in the place of another. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  // Not `fs.cp`: etcd reserves 64 MB for each of its logs, and that would write them out.
  const copied = await runCommand("cp", ["-R", from, to], { env: process.env, timeoutMs: 60_000 });
  if (!copied.ok) {
    throw new DiscoveryError("UNAVAILABLE", `${from} could not be copied: ${copied.output}`);
  }
}
