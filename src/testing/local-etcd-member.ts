import type { EtcdMember } from "./etcd-cluster.ts";
import type { MemberAddresses } from "./etcd-flags.ts";
import type { EtcdProcess } from "./etcd-process.ts";

/** One member of a cluster that {@link startEtcd} started. */
export class LocalEtcdMember implements EtcdMember {
  readonly process: EtcdProcess;
  readonly addresses: MemberAddresses;
  readonly #start: (member: LocalEtcdMember) => Promise<void>;

  /** @param start launches the process with the flags of its cluster and waits until it serves. */
  constructor(
    process: EtcdProcess,
    addresses: MemberAddresses,
    start: (member: LocalEtcdMember) => Promise<void>,
  ) {
    this.process = process;
    this.addresses = addresses;
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

  logs(): string {
    return this.process.logs();
  }
}
