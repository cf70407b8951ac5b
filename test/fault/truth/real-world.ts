import { setTimeout as sleep } from "node:timers/promises";
import {
  type EtcdCluster,
  startEtcd,
  startProxy,
  type TcpProxy,
} from "../../../src/testing/index.ts";
import { RawEtcd } from "../../support/raw-etcd.ts";
import { AgentProcess, type AgentProgram } from "./agent-process.ts";
import type { Command, News } from "./commands.ts";
import type { Fault } from "./faults.ts";
import type { ServiceTruth } from "./model.ts";
import { type HandRecord, pick, type World, written } from "./player.ts";
import { keysOf, truthOf } from "./truth.ts";

export interface RealWorldOptions {
  readonly program: AgentProgram;
  readonly members: 1 | 3;
  readonly ttlSeconds: number;
}

/** An answer of etcd that takes this long, and a process that is given no time for as long, show a busy machine. */
const slowMs = 200;

/** A process, and its own way to each member of etcd. */
interface Placed {
  readonly proxies: readonly TcpProxy[];
  readonly agent: AgentProcess;
}

/** An etcd of its own, and processes of their own that reach it through proxies. */
export class RealWorld implements World, AsyncDisposable {
  /** Told of what a process says; to be set before the first is started. */
  heard: (process: string, news: News) => void = () => {};

  /** Told of what befalls etcd and the network, and when it is healed. */
  noted: (text: string) => void = () => {};

  /** When a connection fell silent last: it may take 10 s until that is noticed. */
  droppedAt: number | undefined;

  /** When this machine was last seen to be too busy for what is promised. */
  disturbedAt: number | undefined;
  readonly #pulse: NodeJS.Timeout;
  readonly #etcd: EtcdCluster;
  readonly #raw: RawEtcd;
  readonly #options: RealWorldOptions;
  readonly #start: number = performance.now();
  readonly #placed = new Map<string, Promise<Placed>>();
  readonly #killed: Promise<Placed>[] = [];
  readonly #pending = new Set<Promise<unknown>>();

  /** What befalls etcd as a whole: one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #backup: Awaited<ReturnType<EtcdCluster["backup"]>> | undefined;

  static async open(options: RealWorldOptions): Promise<RealWorld> {
    const args = options.members === 1 ? ["--heartbeat-interval=20", "--election-timeout=200"] : [];
    const partitionable = options.members > 1;
    return new RealWorld(await startEtcd({ size: options.members, args, partitionable }), options);
  }

  constructor(etcd: EtcdCluster, options: RealWorldOptions) {
    let wokeAt = this.now;
    // The proxies live in this process.
    this.#pulse = setInterval(() => {
      if (this.now - wokeAt > slowMs) this.disturbedAt = this.now;
      wokeAt = this.now;
    }, slowMs / 4);
    this.#etcd = etcd;
    this.#raw = new RawEtcd(etcd);
    this.#options = options;
  }

  get now(): number {
    return performance.now() - this.#start;
  }

  start(process: string): void {
    this.#placed.set(process, this.#place(process));
  }

  kill(process: string): void {
    const placed = this.#placed.get(process);
    if (placed === undefined) return;
    this.#placed.delete(process);
    this.#killed.push(placed);
    this.#pend(placed.then(({ agent }) => agent.kill()));
  }

  tell(process: string, about: number, command: Command): void {
    this.#pend(this.#placed.get(process)?.then(({ agent }) => agent.tell(about, command)));
  }

  async read(services: readonly string[]): Promise<ReadonlyMap<string, ServiceTruth>> {
    const since = this.now;
    // What both hosts and infos begin with, in one reading.
    const all = await this.#raw.list("/services").catch((error: unknown) => {
      this.disturbedAt = this.now;
      throw error;
    });
    if (this.now - since > slowMs) this.disturbedAt = this.now;
    return new Map(
      services.map((service) => {
        const keys = keysOf(service);
        const hosts = [...all]
          .filter(([key]) => key.startsWith(keys.hosts))
          .map(([key, { value }]) => [key.slice(keys.hosts.length), value] as const);
        return [service, truthOf(service, all.get(keys.info)?.value, hosts)];
      }),
    );
  }

  writeHost(service: string, uuid: string, record: HandRecord): Promise<void> {
    return this.#write(keysOf(service).hosts + uuid, record);
  }

  writeInfo(service: string, record: HandRecord): Promise<void> {
    return this.#write(keysOf(service).info, record);
  }

  /** The leases that etcd knows. */
  leases(): Promise<string[]> {
    return this.#raw.leases();
  }

  /** How a process ended, or that it has not. */
  async exitOf(process: string, withinMs: number): Promise<string> {
    const placed = await this.#placed.get(process);
    const late = new AbortController();
    const waiting = sleep(withinMs, "is still there", { signal: late.signal }).catch(() => "");
    const how = await Promise.race([placed?.agent.exit, waiting]);
    late.abort();
    return how ?? "";
  }

  /** Something befalls etcd, the network or a process from now on, and heals by itself. */
  befall(fault: Fault): void {
    switch (fault.do) {
      case "etcd":
        this.#inTurn(() => this.#befallEtcd(fault));
        return;
      case "member":
        this.#inTurn(() => this.#befallMember(fault));
        return;
      case "revoke":
        this.#pend(this.#revoke(fault.lease));
        return;
      case "network": {
        const names = [...this.#placed.keys()];
        const name = fault.process === "all" ? undefined : pick(names, fault.process);
        const concerned = fault.process === "all" ? names : name === undefined ? [] : [name];
        this.#pend(this.#befallNetwork(concerned, fault));
        return;
      }
      case "freeze": {
        const name = pick([...this.#placed.keys()], fault.process);
        if (name !== undefined) this.#pend(this.#freeze(name, fault.ms));
      }
    }
  }

  /** Resolves when nothing is wrong any more; what was done by hand is done by then. */
  async healed(): Promise<void> {
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#pulse);
    const all = [...this.#placed.values(), ...this.#killed];
    for (const placed of await Promise.allSettled(all)) {
      if (placed.status === "rejected") continue;
      placed.value.agent.kill();
      await placed.value.agent.exit;
      await Promise.all(placed.value.proxies.map((proxy) => proxy.stop()));
    }
    await this.#etcd.stop();
  }

  logs(): string {
    return this.#etcd.logs();
  }

  async #place(process: string): Promise<Placed> {
    const proxies = await Promise.all(
      this.#etcd.members.map(({ endpoint }) => startProxy(endpoint)),
    );
    const endpoints = proxies.map(({ endpoint }) => endpoint);
    const { program, ttlSeconds } = this.#options;
    const discovery = { endpoints, ttlSeconds, timeoutMs: 2_000 };
    const agent = new AgentProcess(program, discovery, (news) => {
      if (!this.#placed.has(process)) return;
      if ("stalledMs" in news && news.stalledMs > slowMs) this.disturbedAt = this.now;
      this.heard(process, news);
    });
    return { proxies, agent };
  }

  async #befallEtcd(fault: Fault & { do: "etcd" }): Promise<void> {
    const etcd = this.#etcd;
    this.noted(`etcd is ${fault.fault}${"ms" in fault ? ` for ${fault.ms} ms` : ""}`);
    switch (fault.fault) {
      case "killed":
        await etcd.kill();
        await sleep(fault.ms);
        await etcd.restart();
        break;
      case "paused":
        etcd.pause();
        await sleep(fault.ms);
        etcd.resume();
        break;
      case "wiped":
        await etcd.wipe();
        break;
      case "replaced":
        await etcd.wipe({ newCluster: true });
        break;
      case "compacted":
        await etcd.compact();
        break;
      case "backed up":
        this.#backup = await etcd.backup();
        break;
      case "restored":
        if (this.#backup === undefined) return;
        await etcd.restore(this.#backup);
        break;
      case "leader moved":
        await etcd.moveLeader();
    }
    this.noted(`etcd was ${fault.fault}, and serves`);
  }

  async #befallMember(fault: Fault & { do: "member" }): Promise<void> {
    const member = pick(this.#etcd.members, fault.member);
    if (member === undefined) return;
    const number = fault.member % this.#etcd.members.length;
    this.noted(`member ${number} is ${fault.fault} for ${fault.ms} ms`);
    if (fault.fault === "killed") await member.kill();
    else if (fault.fault === "paused") member.pause();
    else member.isolate();
    await sleep(fault.ms);
    if (fault.fault === "killed") await member.restart();
    else if (fault.fault === "paused") member.resume();
    else member.rejoin();
    this.noted(`member ${number} is healed`);
  }

  async #revoke(which: number | "all"): Promise<void> {
    const leases = await this.#raw.leases();
    const one = which === "all" ? undefined : pick(leases.sort(), which);
    const revoked = which === "all" ? leases : one === undefined ? [] : [one];
    this.noted(`${revoked.length} leases are revoked`);
    await Promise.all(revoked.map((lease) => this.#raw.revoke(lease)));
  }

  async #befallNetwork(
    names: readonly string[],
    { fault, ms }: Fault & { do: "network" },
  ): Promise<void> {
    this.noted(`the connections of ${names.join(", ")} are ${fault}, for ${ms} ms`);
    const concerned = names.flatMap((name) => this.#placed.get(name) ?? []);
    const proxies = (await Promise.all(concerned)).flatMap((placed) => placed.proxies);
    for (const proxy of proxies) {
      if (fault === "cut") proxy.cut();
      else if (fault === "dropped") proxy.drop();
      else if (fault === "refused") proxy.refuse();
      else if (fault === "stalled") proxy.stall("both");
      else if (fault === "delayed") proxy.delay(Math.min(ms, 400));
      else proxy.stall(fault);
    }
    if (fault === "cut") return;
    if (fault === "dropped") {
      this.droppedAt = this.now;
      return;
    }
    await sleep(ms);
    for (const proxy of proxies) proxy.heal();
    this.noted(`the connections of ${names.join(", ")} are healed`);
  }

  async #freeze(name: string, ms: number): Promise<void> {
    this.noted(`${name} is frozen for ${ms} ms`);
    const placed = await this.#placed.get(name);
    placed?.agent.freeze();
    await sleep(ms);
    placed?.agent.thaw();
    this.noted(`${name} is thawed`);
  }

  /** In one transaction with the condition that the record is still the one that was read. */
  async #write(key: string, record: HandRecord): Promise<void> {
    const writing = this.#writeNow(key, record);
    this.#pend(writing);
    // Not waited for: etcd may be away.
    await Promise.resolve();
  }

  async #writeNow(key: string, record: HandRecord): Promise<void> {
    const found = await this.#raw.get(key);
    if (found === undefined) return;
    const base64 = (text: string): string => Buffer.from(text).toString("base64");
    const encodedKey = base64(key);
    let change: object = { request_delete_range: { key: encodedKey } };
    if (record !== "delete") {
      const text = written(record, found.value);
      if (text === undefined) return;
      change = { request_put: { key: encodedKey, value: base64(text), ignore_lease: true } };
    }
    const { succeeded } = await this.#etcd.call("/v3/kv/txn", {
      compare: [{ key: encodedKey, target: "MOD", mod_revision: String(found.revision) }],
      success: [change],
    });
    if (succeeded === true) this.noted(`by hand: written ${key}`);
  }

  #inTurn(action: () => Promise<void>): void {
    const turn = this.#turn.catch(() => {}).then(action);
    this.#turn = turn;
    this.#pend(turn);
  }

  #pend(work: Promise<unknown> | undefined): void {
    if (work === undefined) return;
    const pending = work
      .catch((error: unknown) => this.noted(`(${String(error)})`))
      .finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }
}
