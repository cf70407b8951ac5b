import { mkdir, open, readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
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

/** Puts a copy of the data of one etcd, which must not run, in the place of what another folder holds. */
export async function copyData(from: string, to: string): Promise<void> {
  await rm(to, { recursive: true, force: true });
  for (const entry of await readdir(from, { recursive: true, withFileTypes: true })) {
    // The next log, in reserve: empty, and made if it is not there.
    if (!entry.isFile() || entry.name.endsWith(".tmp")) continue;
    const folder = join(to, relative(from, entry.parentPath));
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await copyFile(join(entry.parentPath, entry.name), join(folder, entry.name));
  }
}

const zeros = Buffer.alloc(4 * 1024 * 1024);

/** Copies what is not zero: etcd reserves 64 MB for each of its logs, and stands still meanwhile. */
async function copyFile(from: string, to: string): Promise<void> {
  const source = await open(from, "r");
  try {
    const copy = await open(to, "w", 0o600);
    try {
      const piece = Buffer.alloc(zeros.length);
      let position = 0;
      for (;;) {
        const { bytesRead } = await source.read(piece, 0, piece.length, position);
        if (bytesRead === 0) break;
        if (piece.compare(zeros, 0, bytesRead, 0, bytesRead) !== 0) {
          await copy.write(piece, 0, bytesRead, position);
        }
        position += bytesRead;
      }
      await copy.truncate(position);
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}
