import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DiscoveryError } from "../errors.ts";
import { enableAuth, rootToken } from "./etcd-auth.ts";
import type { EtcdBinary } from "./etcd-binary.ts";
import type { EtcdCluster, EtcdMember } from "./etcd-cluster.ts";
import { memberFlags } from "./etcd-flags.ts";
import type { EtcdJson } from "./etcd-gateway.ts";
import { type EtcdTls, readPem, type StartEtcdOptions } from "./etcd-options.ts";
import { EtcdProcess } from "./etcd-process.ts";
import { EtcdReaper } from "./etcd-reaper.ts";
import { freePorts } from "./free-ports.ts";
import { LocalEtcdMember } from "./local-etcd-member.ts";

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
  #members: readonly LocalEtcdMember[] = [];
  #tlsFlags: readonly string[] = [];
  #token = randomUUID();
  #stopped: Promise<void> | undefined;

  /** @param folder an empty one; it is removed when the cluster is stopped, or this process ends. */
  constructor(options: StartEtcdOptions, binary: EtcdBinary, folder: string) {
    this.version = binary.version;
    this.#options = options;
    this.#folder = folder;
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

  async call(path: string, body: EtcdJson): Promise<EtcdJson> {
    const { auth } = this.#options;
    return await this.#post(path, body, auth && (await rootToken(auth, this.#post)));
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
      return new LocalEtcdMember(
        process,
        {
          name: `m${index}`,
          endpoint: `${scheme}://127.0.0.1:${ports[2 * index]}`,
          peer: `http://127.0.0.1:${ports[2 * index + 1]}`,
        },
        (member) => this.#startMember(member),
      );
    });
  }

  /** Starts all members with nothing in them. */
  async #start(): Promise<void> {
    const starts = this.#members.map((member) => this.#startMember(member));
    // All, so that no start goes on behind the back of a try with other ports.
    const failed = (await Promise.allSettled(starts)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
    if (this.#options.auth !== undefined) await enableAuth(this.#options.auth, this.#post);
  }

  async #startMember(member: LocalEtcdMember): Promise<void> {
    this.#assertNotStopped();
    const all = this.#members.map(({ addresses }) => addresses);
    await member.process.launch(
      memberFlags(member.addresses, all, {
        version: this.version,
        token: this.#token,
        tls: this.#tlsFlags,
        auth: this.#options.auth !== undefined,
        args: this.#options.args ?? [],
      }),
    );
    const deadline = performance.now() + (this.#options.timeoutMs ?? 30_000);
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
    const running = this.#processes.find(({ pid }) => pid !== undefined);
    if (running === undefined) {
      return Promise.reject(new DiscoveryError("UNAVAILABLE", "This etcd does not run."));
    }
    return running.call(path, { body, token, timeoutMs: callTimeoutMs });
  };

  #assertNotStopped(): void {
    if (this.#stopped !== undefined) {
      throw new DiscoveryError("CLOSED", "This etcd was stopped.");
    }
  }

  async #stop(): Promise<void> {
    await this.kill();
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
