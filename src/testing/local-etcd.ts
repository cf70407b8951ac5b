import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { DiscoveryError } from "../errors.ts";
import { refuse } from "../model/refuse.ts";
import type { EtcdAuth } from "./etcd-auth.ts";
import { copyData, type EtcdBackup, LocalEtcdBackup } from "./etcd-backup.ts";
import type { EtcdBinary } from "./etcd-binary.ts";
import type { EtcdCluster, EtcdMember } from "./etcd-cluster.ts";
import { memberFlags, tlsFlags } from "./etcd-flags.ts";
import type { EtcdJson } from "./etcd-gateway.ts";
import { Leadership } from "./etcd-leadership.ts";
import type { StartEtcdOptions } from "./etcd-options.ts";
import { EtcdProcess } from "./etcd-process.ts";
import { EtcdReaper } from "./etcd-reaper.ts";
import { freePorts } from "./free-ports.ts";
import { EtcdRoot } from "./etcd-root.ts";
import { LocalEtcdMember } from "./local-etcd-member.ts";
import { PeerNetwork } from "./peer-network.ts";

/** How often other ports are tried when somebody else was faster. */
const portTries = 10;

/** The cluster that {@link startEtcd} starts. */
export class LocalEtcd implements EtcdCluster {
  readonly version: string;
  readonly #options: StartEtcdOptions;
  readonly #folder: string;
  readonly #reaper: EtcdReaper;
  readonly #processes: readonly EtcdProcess[];
  readonly #network: PeerNetwork | undefined;
  readonly #root: EtcdRoot;
  readonly #backups = new Set<LocalEtcdBackup>();
  #members: readonly LocalEtcdMember[] = [];
  #tlsFlags: readonly string[] = [];
  #token = randomUUID();
  #stopped: Promise<void> | undefined;

  /** @param folder an empty one; it is removed when the cluster is stopped, or this process ends. */
  constructor(options: StartEtcdOptions, binary: EtcdBinary, folder: string) {
    this.version = binary.version;
    this.#options = options;
    this.#folder = folder;
    this.#root = new EtcdRoot(options.auth, () => this.#members);
    this.#network = options.partitionable === true ? new PeerNetwork() : undefined;
    this.#reaper = new EtcdReaper(folder);
    this.#processes = Array.from({ length: options.size ?? 1 }, (_, index) => {
      const own = join(folder, `m${index}`);
      mkdirSync(own);
      return new EtcdProcess(binary.path, own, this.#reaper);
    });
  }

  /** Starts it for the first time. */
  async launch(): Promise<void> {
    this.#tlsFlags = await tlsFlags(this.#folder, this.#options.tls);
    for (let tries = 1; ; tries += 1) {
      this.#members = await this.#addresses();
      try {
        await this.#start();
        return;
      } catch (error) {
        const taken = this.logs().includes("address already in use");
        if (!taken || tries === portTries) throw error;
        await this.#lose();
      }
    }
  }

  get members(): readonly EtcdMember[] {
    return this.#members;
  }

  get endpoints(): readonly string[] {
    return this.#members.map(({ endpoint }) => endpoint);
  }

  get endpoint(): string {
    return this.#first.endpoint;
  }

  get dataDir(): string {
    return this.#first.dataDir;
  }

  get pid(): number | undefined {
    return this.#first.pid;
  }

  async kill(): Promise<void> {
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  pause(): void {
    for (const member of this.#members) member.pause();
  }

  resume(): void {
    for (const member of this.#members) member.resume();
  }

  isolate(): void {
    for (const member of this.#members) member.isolate();
  }

  rejoin(): void {
    for (const member of this.#members) member.rejoin();
  }

  async restart(): Promise<void> {
    await Promise.all(this.#members.map((member) => member.restart()));
  }

  async wipe(options: { readonly newCluster?: boolean | undefined } = {}): Promise<void> {
    this.#assertNotStopped();
    await this.#lose();
    if (options.newCluster === true) this.#token = randomUUID();
    await this.#start();
  }

  async compact(revision?: number): Promise<void> {
    await this.call("/v3/kv/compaction", {
      revision: String(revision ?? (await this.#root.revision())),
      physical: true,
    });
  }

  leader(): Promise<EtcdMember> {
    return this.#leadership.leader(this.#timeoutMs);
  }

  async moveLeader(to?: EtcdMember): Promise<void> {
    const leader = to === undefined ? await this.leader() : undefined;
    const next = this.#members.find((member) =>
      to === undefined ? member !== leader && member.serving : member === to,
    );
    if (next === undefined) {
      refuse(
        "to",
        to === undefined ? "there is no other member that serves" : "is no member of this etcd",
      );
    }
    await this.#leadership.move(next, this.#timeoutMs);
  }

  async defragment(): Promise<void> {
    for (const member of this.#members) {
      if (member.serving)
        await this.#root.ask(member, "/v3/maintenance/defragment", {}, this.#timeoutMs);
    }
  }

  async backup(): Promise<EtcdBackup> {
    this.#assertNotStopped();
    const folder = join(this.#folder, `backup${this.#backups.size}`);
    const backup = new LocalEtcdBackup(await this.#root.revision(), folder, this.#root.auth);
    this.#backups.add(backup);
    mkdirSync(folder);
    // All stand still before one goes on: what lies on their disks then is a state that the cluster
    // could have been left in by a power cut.
    const stopped = this.#members.filter(
      ({ process }) => process.pid !== undefined && !process.paused,
    );
    try {
      for (const member of stopped) member.pause();
      await this.#copyData((process, index) => [process.dataDir, join(folder, `m${index}`)]);
    } finally {
      for (const member of stopped) member.resume();
    }
    return backup;
  }

  async restore(backup: EtcdBackup): Promise<void> {
    this.#assertNotStopped();
    const own = [...this.#backups].find((each) => each === backup);
    if (own === undefined) refuse("backup", "is none that this etcd made");
    await this.kill();
    await this.#copyData((process, index) => [join(own.folder, `m${index}`), process.dataDir]);
    this.#root.auth = own.auth;
    await this.#startMembers();
  }

  enableAuth(auth: EtcdAuth): Promise<void> {
    return this.#root.enableAuth(auth);
  }

  changePassword(user: string, password: string): Promise<void> {
    return this.#root.changePassword(user, password);
  }

  call(path: string, body: EtcdJson): Promise<EtcdJson> {
    return this.#root.call(path, body);
  }

  logs(): string {
    return this.#processes.map((process) => process.logs()).join("\n");
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get #first(): LocalEtcdMember {
    const [first] = this.#members;
    if (first === undefined) throw new DiscoveryError("NOT_READY", "This etcd was not started.");
    return first;
  }

  async #addresses(): Promise<LocalEtcdMember[]> {
    const ports = await freePorts(2 * this.#processes.length);
    const scheme = this.#options.tls === undefined ? "http" : "https";
    return this.#processes.map((process, index) => {
      const peerPort = ports[2 * index + 1] ?? 0;
      return new LocalEtcdMember(
        process,
        {
          name: `m${index}`,
          endpoint: `${scheme}://127.0.0.1:${ports[2 * index]}`,
          peerPort,
          // etcd, as every program in Go, uses no proxy for loopback addresses. This one is none by
          // its name, and would lead to this machine if there were no proxy.
          peer: `http://${this.#network === undefined ? "127.0.0.1" : "0.0.0.0"}:${peerPort}`,
        },
        this.#network,
        (member) => this.#startMember(member),
      );
    });
  }

  /** Starts all members with nothing in them. */
  async #start(): Promise<void> {
    await this.#startMembers();
    await this.#root.setUp();
  }

  async #startMembers(): Promise<void> {
    const starts = this.#members.map((member) => this.#startMember(member));
    // All, so that no start goes on behind the back of a try with other ports.
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  async #startMember(member: LocalEtcdMember): Promise<void> {
    this.#assertNotStopped();
    const all = this.#members.map(({ addresses }) => addresses);
    await member.process.launch(
      memberFlags(member.addresses, all, {
        version: this.version,
        token: this.#token,
        tls: this.#tlsFlags,
        args: this.#options.args ?? [],
      }),
      await this.#network?.join(member.addresses.peerPort),
    );
    const deadline = performance.now() + this.#timeoutMs;
    await member.process.waitHealthy(deadline, this.#options.signal);
  }

  async #lose(): Promise<void> {
    await this.kill();
    for (const { dataDir } of this.#processes) await rm(dataDir, { recursive: true, force: true });
  }

  get #leadership(): Leadership<LocalEtcdMember> {
    return new Leadership(this.#members, (...question) => this.#root.ask(...question));
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 30_000;
  }

  async #copyData(way: (process: EtcdProcess, index: number) => [string, string]): Promise<void> {
    await Promise.all(this.#processes.map((process, index) => copyData(...way(process, index))));
  }

  #assertNotStopped(): void {
    if (this.#stopped !== undefined) {
      throw new DiscoveryError("CLOSED", "This etcd was stopped.");
    }
  }

  async #stop(): Promise<void> {
    await this.kill();
    await this.#network?.close();
    this.logs();
    await rm(this.#folder, { recursive: true, force: true });
    await this.#reaper.close();
  }
}
