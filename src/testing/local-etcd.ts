import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DiscoveryError } from "../errors.ts";
import { refuse } from "../model/refuse.ts";
import {
  checkAuth,
  checkPassword,
  type EtcdAuth,
  rootToken,
  setUpAuth,
  withPassword,
} from "./etcd-auth.ts";
import { copyFolder, type EtcdBackup, LocalEtcdBackup } from "./etcd-backup.ts";
import type { EtcdBinary } from "./etcd-binary.ts";
import type { EtcdCluster, EtcdMember } from "./etcd-cluster.ts";
import { memberFlags } from "./etcd-flags.ts";
import type { EtcdJson } from "./etcd-gateway.ts";
import { Leadership } from "./etcd-leadership.ts";
import { type EtcdTls, readPem, type StartEtcdOptions } from "./etcd-options.ts";
import { EtcdProcess } from "./etcd-process.ts";
import { EtcdReaper } from "./etcd-reaper.ts";
import { freePorts } from "./free-ports.ts";
import { LocalEtcdMember } from "./local-etcd-member.ts";
import { PeerNetwork } from "./peer-network.ts";

const callTimeoutMs = 10_000;

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
  readonly #backups = new Set<LocalEtcdBackup>();
  #members: readonly LocalEtcdMember[] = [];
  #auth: EtcdAuth | undefined;
  #tlsFlags: readonly string[] = [];
  #token = randomUUID();
  #stopped: Promise<void> | undefined;

  /** @param folder an empty one; it is removed when the cluster is stopped, or this process ends. */
  constructor(options: StartEtcdOptions, binary: EtcdBinary, folder: string) {
    this.version = binary.version;
    this.#options = options;
    this.#folder = folder;
    this.#auth = options.auth;
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
      revision: String(revision ?? (await this.#revision())),
      physical: true,
    });
  }

  leader(): Promise<EtcdMember> {
    return this.#leadership.leader(this.#timeoutMs);
  }

  async moveLeader(to?: EtcdMember): Promise<void> {
    const from = await this.#leadership.leader(this.#timeoutMs);
    const next =
      to === undefined
        ? this.#members.find((member) => member !== from && member.serving)
        : this.#members.find((member) => member === to);
    if (next === undefined) {
      refuse(
        "to",
        to === undefined ? "there is no other member that serves" : "is no member of this etcd",
      );
    }
    await this.#leadership.move(from, next, this.#timeoutMs);
  }

  async defragment(): Promise<void> {
    for (const member of this.#members) {
      if (member.serving)
        await this.#ask(member, "/v3/maintenance/defragment", {}, this.#timeoutMs);
    }
  }

  async backup(): Promise<EtcdBackup> {
    this.#assertNotStopped();
    const folder = join(this.#folder, `backup${this.#backups.size}`);
    const backup = new LocalEtcdBackup(Number(await this.#revision()), folder, this.#auth);
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
    this.#auth = own.auth;
    await this.#startMembers();
  }

  async enableAuth(auth: EtcdAuth): Promise<void> {
    checkAuth(auth);
    if (this.#auth !== undefined) refuse("auth", "this etcd asks for a password already");
    await setUpAuth(auth, this.#post);
    this.#auth = auth;
  }

  async changePassword(user: string, password: string): Promise<void> {
    checkPassword("password", password);
    await this.call("/v3/auth/user/changepw", { name: user, password });
    if (this.#auth !== undefined) this.#auth = withPassword(this.#auth, user, password);
  }

  async call(path: string, body: EtcdJson): Promise<EtcdJson> {
    return await this.#post(path, body, this.#auth && (await rootToken(this.#auth, this.#post)));
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
    if (this.#auth !== undefined) await setUpAuth(this.#auth, this.#post);
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

  async #revision(): Promise<unknown> {
    const { header } = await this.call("/v3/kv/range", { key: Buffer.of(0).toString("base64") });
    return (header as EtcdJson)["revision"];
  }

  readonly #post = (path: string, body: EtcdJson, token?: string): Promise<EtcdJson> => {
    const member =
      this.#members.find(({ serving }) => serving) ??
      this.#members.find(({ pid }) => pid !== undefined);
    if (member === undefined) {
      return Promise.reject(new DiscoveryError("UNAVAILABLE", "This etcd does not run."));
    }
    return member.process.call(path, { body, token, timeoutMs: callTimeoutMs });
  };

  /** Calls one member as root. */
  async #ask(
    { process }: LocalEtcdMember,
    path: string,
    body: EtcdJson,
    timeoutMs: number = callTimeoutMs,
  ): Promise<EtcdJson> {
    const post = (to: string, what: EtcdJson, token?: string): Promise<EtcdJson> =>
      process.call(to, { body: what, token, timeoutMs });
    return await post(path, body, this.#auth && (await rootToken(this.#auth, post)));
  }

  get #leadership(): Leadership<LocalEtcdMember> {
    return new Leadership(this.#members, (...question) => this.#ask(...question));
  }

  get #timeoutMs(): number {
    return this.#options.timeoutMs ?? 30_000;
  }

  async #copyData(way: (process: EtcdProcess, index: number) => [string, string]): Promise<void> {
    await Promise.all(this.#processes.map((process, index) => copyFolder(...way(process, index))));
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

async function tlsFlags(folder: string, tls: EtcdTls | undefined): Promise<string[]> {
  if (tls === undefined) return [];
  const file = async (name: "cert" | "key" | "ca", source: EtcdTls["cert"]) => {
    const path = join(folder, `${name}.pem`);
    await writeFile(path, await readPem(name, source), { mode: 0o600 });
    return path;
  };
  return [
    ...["--cert-file", await file("cert", tls.cert)],
    ...["--key-file", await file("key", tls.key)],
    ...(tls.ca === undefined ? [] : ["--trusted-ca-file", await file("ca", tls.ca)]),
    ...(tls.clientCertAuth === true ? ["--client-cert-auth"] : []),
  ];
}
