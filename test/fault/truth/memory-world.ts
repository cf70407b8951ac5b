import { Discovery } from "../../../src/index.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
  type MemoryStoreClient,
} from "../../../src/testing/index.ts";
import { Actor } from "./actor.ts";
import type { Command, News } from "./commands.ts";
import type { ServiceTruth } from "./model.ts";
import { type HandRecord, written, type World } from "./player.ts";
import { truthOf } from "./truth.ts";

interface Placed {
  readonly actor: Actor;
  readonly clients: Set<MemoryStoreClient>;
}

/** Processes that are none, on a store in this process and a clock that stands still. */
export class MemoryWorld implements World {
  readonly clock: ManualClock = manualClock();
  readonly store: MemoryStore = memoryStore({ clock: this.clock });

  /** Told of what a process says; to be set before the first is started. */
  heard: (process: string, news: News) => void = () => {};
  readonly #raw: MemoryStoreClient = this.store.connect();
  readonly #placed = new Map<string, Placed>();
  readonly #discoveries: Discovery[] = [];
  readonly #ttlSeconds: number;

  constructor(ttlSeconds: number) {
    this.#ttlSeconds = ttlSeconds;
  }

  get now(): number {
    return this.clock.now();
  }

  start(process: string): void {
    const clients = new Set<MemoryStoreClient>();
    const say = (news: News): void => {
      // What crosses to another process is a copy.
      if (this.#placed.has(process)) this.heard(process, structuredClone(news));
    };
    const log = (level: string, name: string) => (message: string, fields?: unknown) => {
      const text = `${name} ${level}: ${message} ${JSON.stringify(fields)}`;
      say(level === "error" ? { fault: text } : { log: text });
    };
    const open = (name: string): Discovery => {
      const store = this.store.connect();
      clients.add(store);
      const logger = {
        debug: log("debug", name),
        info: log("info", name),
        warn: log("warn", name),
        error: log("error", name),
      };
      const discovery = new Discovery({
        store,
        ttlSeconds: this.#ttlSeconds,
        timeoutMs: 2_000,
        logger,
      });
      this.#discoveries.push(discovery);
      return discovery;
    };
    this.#placed.set(process, { actor: new Actor(open, say), clients });
  }

  kill(process: string): void {
    const placed = this.#placed.get(process);
    this.#placed.delete(process);
    for (const client of placed?.clients ?? []) client.kill();
  }

  tell(process: string, about: number, command: Command): void {
    this.#placed.get(process)?.actor.perform(about, command);
  }

  async read(services: readonly string[]): Promise<ReadonlyMap<string, ServiceTruth>> {
    const read = async (service: string) => {
      const everything = { info: true, hosts: "all" } as const;
      const { info, hosts } = await this.#raw.read(service, everything, { timeoutMs: 1_000 });
      const records = hosts.map(({ id, value }) => [id, value] as const);
      return [service, truthOf(service, info?.value, records)] as const;
    };
    return new Map(await Promise.all(services.map(read)));
  }

  async writeHost(service: string, uuid: string, record: HandRecord): Promise<void> {
    const name = { kind: "host", id: uuid } as const;
    if (record === "delete") {
      this.store.delete(service, name);
      return;
    }
    const there = await this.#find(service, uuid);
    const text = there && written(record, there);
    if (text === undefined) return;
    const value = new TextEncoder().encode(text);
    const changes = [{ kind: "replace-host", id: uuid, value } as const];
    await this.#raw.write({ service, conditions: [], changes }, { timeoutMs: 1 }).catch(() => {});
  }

  async writeInfo(service: string, record: HandRecord): Promise<void> {
    const name = { kind: "info" } as const;
    if (record === "delete") {
      this.store.delete(service, name);
      return;
    }
    const there = await this.#find(service);
    const text = there && written(record, there);
    if (text !== undefined) this.store.put(service, name, text);
  }

  /** Closes all discoveries, also those of killed processes, which are still here. */
  async end(): Promise<void> {
    for (const discovery of this.#discoveries) void discovery.close();
    // Longer than a killed one takes to give up.
    await this.clock.advance(10_000);
    await Promise.all(this.#discoveries.map((discovery) => discovery.close()));
  }

  /** The record as it is now, unless the store is away. */
  async #find(service: string, uuid?: string): Promise<Uint8Array | undefined> {
    const hosts = uuid === undefined ? [] : [uuid];
    const reading = this.#raw.read(service, { info: true, hosts }, { timeoutMs: 1 });
    const listing = await reading.catch(() => undefined);
    return (uuid === undefined ? listing?.info : listing?.hosts[0])?.value;
  }
}
