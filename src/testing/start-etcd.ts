import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findEtcd } from "./etcd-binary.ts";
import type { EtcdCluster } from "./etcd-cluster.ts";
import { checkOptions, type StartEtcdOptions } from "./etcd-options.ts";
import { LocalEtcd } from "./local-etcd.ts";

/**
 * Starts a throwaway etcd on free ports of 127.0.0.1, its data in a temporary folder, and resolves
 * when it serves. It does not keep this process alive, and it ends with it, even if this process is
 * killed. Needs a POSIX system.
 *
 * ```ts
 * await using etcd = await startEtcd();
 * const discovery = new Discovery({ endpoints: etcd.endpoints });
 * ```
 *
 * @throws DiscoveryError `INVALID_ARGUMENT` at once for wrong options; rejects with `UNAVAILABLE`
 * if there is no etcd on this machine ({@link findEtcd}), or if it fails to start: the message
 * holds what it wrote.
 */
export function startEtcd(options: StartEtcdOptions = {}): Promise<EtcdCluster> {
  checkOptions(options);
  return start(options);
}

async function start(options: StartEtcdOptions): Promise<EtcdCluster> {
  options.signal?.throwIfAborted();
  const binary = await findEtcd({ binary: options.binary });
  const etcd = new LocalEtcd(options, binary, await temporaryFolder());
  try {
    await etcd.launch();
    return etcd;
  } catch (error) {
    await etcd.stop();
    throw error;
  }
}

/** The path of a Unix socket may have 103 bytes on macOS and 107 on Linux, and the folder holds such. */
async function temporaryFolder(): Promise<string> {
  const parent = tmpdir();
  return await mkdtemp(join(parent.length < 70 ? parent : "/tmp", "etcd-discovery-"));
}
