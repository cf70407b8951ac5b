import { refuse } from "../model/refuse.ts";
import type { EtcdMember } from "./etcd-cluster.ts";
import type { MemberAddresses } from "./etcd-flags.ts";
import type { EtcdProcess } from "./etcd-process.ts";
import type { PeerNetwork } from "./peer-network.ts";

/** One member of a cluster that {@link startEtcd} started. */
export class LocalEtcdMember implements EtcdMember {
  readonly process: EtcdProcess;
  readonly addresses: MemberAddresses;
  readonly #network: PeerNetwork | undefined;
  readonly #start: (member: LocalEtcdMember) => Promise<void>;

  /** @param start launches the process with the flags of its cluster and waits until it serves. */
  constructor(
    process: EtcdProcess,
    addresses: MemberAddresses,
    network: PeerNetwork | undefined,
    start: (member: LocalEtcdMember) => Promise<void>,
  ) {
    this.process = process;
    this.addresses = addresses;
    this.#network = network;
    this.#start = start;
  }

  get endpoint(): string {
    return this.addresses.endpoint;
  }

  get dataDir(): string {
    return this.process.dataDir;
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  kill(): Promise<void> {
    return this.process.kill();
  }

  pause(): void {
    this.process.signal("SIGSTOP");
  }

  resume(): void {
    this.process.signal("SIGCONT");
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.#start(this);
  }

  isolate(): void {
    this.#peers.isolate(this.addresses.peerPort);
  }

  rejoin(): void {
    this.#peers.rejoin(this.addresses.peerPort);
  }

  /** Whether it can be expected to answer. */
  get serving(): boolean {
    const { pid, paused } = this.process;
    const isolated = this.#network?.isIsolated(this.addresses.peerPort) ?? false;
    return pid !== undefined && !paused && !isolated;
  }

  get #peers(): PeerNetwork {
    if (this.#network === undefined) {
      refuse(
        "partitionable",
        "must be true when this etcd is started, for its members to be isolated",
      );
    }
    return this.#network;
  }

  logs(): string {
    return this.process.logs();
  }
}
