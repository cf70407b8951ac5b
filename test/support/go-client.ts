import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { RawAnswer, RawEtcdV2 } from "./raw-etcd-v2.ts";

/** What the caller of the Go client gives, in the names of its records. */
export interface GoHostInput {
  readonly name?: string;
  readonly ports?: Readonly<Record<string, string>>;
  readonly user?: string;
  readonly password?: string;
  readonly public?: boolean;
  readonly private_hostname?: string;
  readonly private_ports?: Readonly<Record<string, string>>;
  readonly critical?: boolean;

  /** From its version 8 on. */
  readonly shard?: string;
}

export interface GoHostOptions {
  /** How often the host's record is written again, in milliseconds. Default: 4,000, as there. */
  readonly everyMs?: number;

  /** Default: 5, as there. */
  readonly ttlSeconds?: number;

  /** Default: `machine-1`. */
  readonly machineHostname?: string;
}

/** What the host tells its user after another one announced it. */
export interface GoCredentials {
  readonly user: string;
  readonly password: string;
}

/**
 * A host as the Go client registers it: puts the info, whatever it was, then its own key with a TTL;
 * writes that key again and again; polls the info from its own write on, and on a change writes its
 * key with the credentials that are there now; deletes its key at the end.
 */
export class GoHost implements AsyncDisposable {
  readonly service: string;
  readonly uuid: string;
  readonly key: string;
  readonly infoKey: string;

  /** The credentials it was told of, one after the other. */
  readonly adopted: GoCredentials[] = [];
  readonly #etcd: RawEtcdV2;
  readonly #everyMs: number;
  readonly #ttlSeconds: number;
  readonly #info: string;
  readonly #ending = new AbortController();
  readonly #running: Promise<void>[] = [];
  #host: GoHostInput;
  #written = Promise.resolve();
  #writes = 0;

  constructor(etcd: RawEtcdV2, service: string, input: GoHostInput, options: GoHostOptions = {}) {
    const machine = options.machineHostname ?? "machine-1";
    const own = input.public === true ? "" : (input.name ?? "");
    const private_hostname = input.private_hostname || own || machine;
    const private_ports = input.private_ports ?? input.ports ?? {};
    this.service = service;
    this.uuid = `${randomUUID()}-${private_hostname}`;
    this.key = `/services/${service}/${this.uuid}`;
    this.infoKey = `/services_infos/${service}`;
    this.#etcd = etcd;
    this.#everyMs = options.everyMs ?? 4_000;
    this.#ttlSeconds = options.ttlSeconds ?? 5;
    this.#host = { ...input, private_hostname, private_ports };
    this.#info = goInfo(service, input);
  }

  /** How often it has written its key. */
  get writes(): number {
    return this.#writes;
  }

  /** The record as it writes it now. */
  get record(): string {
    return goHost(this.service, this.uuid, this.#host);
  }

  /** Resolves when both records are written. */
  async start(): Promise<this> {
    const { node } = await this.#etcd.put(this.infoKey, this.#info);
    await this.#write();
    this.#running.push(this.#rewrite());
    if (this.#host.public === true) this.#running.push(this.#follow(node.modifiedIndex));
    return this;
  }

  /** Ends as the Go client does: nothing is left of it but the info. */
  async stop(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    await this.kill();
    await this.#etcd.delete(this.key);
  }

  /** Ends as a process that is killed: its key stays until its TTL is over. */
  async kill(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  /** One after the other. */
  async #write(): Promise<void> {
    const writing = this.#written.then(async () => {
      await this.#etcd.put(this.key, this.record, this.#ttlSeconds);
      this.#writes += 1;
    });
    this.#written = writing.catch(() => {});
    await writing;
  }

  async #rewrite(): Promise<void> {
    const { signal } = this.#ending;
    let next = performance.now();
    while (!signal.aborted) {
      next += this.#everyMs;
      await sleep(next - performance.now(), undefined, { signal }).catch(() => {});
      while (!signal.aborted) {
        try {
          await this.#write();
          break;
        } catch {
          await sleep(1_000, undefined, { signal }).catch(() => {});
        }
      }
    }
  }

  async #follow(from: number): Promise<void> {
    const { signal } = this.#ending;
    let after = from;
    while (!signal.aborted) {
      try {
        const waitIndex = after === 0 ? 0 : after + 1;
        const { node } = await this.#etcd.poll(this.infoKey, { waitIndex, signal });
        after = node.modifiedIndex;
        await this.#adopt(node.value ?? "");
      } catch {
        after = 0;
        await sleep(1_000, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** An info that it cannot read is to it one without credentials. */
  async #adopt(info: string): Promise<void> {
    let { user, password }: Partial<GoCredentials> = {};
    try {
      ({ user, password } = JSON.parse(info) as Partial<GoCredentials>);
    } catch {
      await sleep(1_000, undefined, { signal: this.#ending.signal });
    }
    const credentials = { user: user ?? "", password: password ?? "" };
    this.#host = { ...this.#host, ...credentials };
    await this.#write().catch(() => {});
    this.adopted.push(credentials);
  }
}

/**
 * A subscription of the Go client: long polls of a service's directory with all that is in it. A host
 * is new to it if it was set and was not there before; gone, if it was deleted or expired. The first
 * error ends it.
 */
export class GoSubscriber implements AsyncDisposable {
  /** All that it saw, one after the other. */
  readonly events: RawAnswer[] = [];

  /** The uuids in the records of the hosts that were new, in order. */
  readonly fresh: string[] = [];

  /** The last segments of the keys that went, in order. */
  readonly gone: string[] = [];
  readonly #etcd: RawEtcdV2;
  readonly #directory: string;
  readonly #ending = new AbortController();
  #running: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(etcd: RawEtcdV2, service: string) {
    this.#etcd = etcd;
    this.#directory = `/services/${service}`;
  }

  /** Why it ended by itself, if it did. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The actions that a key went through, in order. */
  actions(key: string): string[] {
    return this.events.filter(({ node }) => node.key === key).map(({ action }) => action);
  }

  /** Resolves when etcd has its first poll: it misses nothing from then on. */
  async start(): Promise<this> {
    await new Promise<void>((opened) => {
      this.#running = this.#follow(opened);
      void this.#running.then(opened);
    });
    if (this.#failure !== undefined) throw this.#failure;
    return this;
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #follow(opened: () => void): Promise<void> {
    const { signal } = this.#ending;
    let waitIndex = 0;
    while (!signal.aborted) {
      try {
        const poll = { recursive: true, waitIndex, signal, opened };
        const event = await this.#etcd.poll(this.#directory, poll);
        waitIndex = event.node.modifiedIndex + 1;
        this.#take(event);
      } catch (error) {
        if (!signal.aborted) this.#failure = error as Error;
        return;
      }
    }
  }

  #take(event: RawAnswer): void {
    const { action, node, prevNode } = event;
    this.events.push(event);
    if (action === "delete" || action === "expire") {
      this.gone.push(node.key.slice(node.key.lastIndexOf("/") + 1));
    } else if (action === "create" || (action === "set" && prevNode === undefined)) {
      try {
        this.fresh.push((JSON.parse(node.value ?? "") as { uuid: string }).uuid);
      } catch {
        // What it cannot read is no host to it.
      }
    }
  }
}

/** What a lookup of the Go client finds. */
export interface GoService {
  readonly info: Readonly<Record<string, unknown>> & {
    readonly name: string;
    readonly public?: boolean;
  };
  readonly hosts: readonly (GoHostInput & {
    readonly uuid: string;
    readonly service_name: string;
  })[];
}

/** A lookup of the Go client: reads the info, then the directory. One record that cannot be read fails it. */
export async function goLookup(etcd: RawEtcdV2, service: string): Promise<GoService> {
  const info = await etcd.get(`/services_infos/${service}`);
  const directory = await etcd.get(`/services/${service}`);
  return {
    info: JSON.parse(info?.value ?? JSON.stringify({ name: service })) as GoService["info"],
    hosts: (directory?.nodes ?? []).map(
      ({ value }) => JSON.parse(value ?? "") as GoService["hosts"][number],
    ),
  };
}

function goHost(service: string, uuid: string, host: GoHostInput): string {
  return goJson([
    ["name", host.name ?? ""],
    ["service_name", service],
    ["ports", host.ports ?? {}],
    ["user", host.user || undefined],
    ["password", host.password || undefined],
    ["public", host.public || undefined],
    ["private_hostname", host.private_hostname || undefined],
    ["private_ports", host.private_ports],
    ["critical", host.critical || undefined],
    ["shard", host.shard || undefined],
    ["uuid", uuid],
  ]);
}

function goInfo(service: string, host: GoHostInput): string {
  const face = host.public === true ? host : {};
  return goJson([
    ["name", service],
    ["critical", host.critical ?? false],
    ["hostname", face.name || undefined],
    ["user", face.user || undefined],
    ["password", face.password || undefined],
    ["ports", face.ports],
    ["public", face.public],
  ]);
}

/** `json.Marshal`: without white space, the keys of maps sorted, five characters escaped. */
function goJson(fields: readonly (readonly [string, unknown])[]): string {
  const sorted = fields.map(([name, value]) => [
    name,
    typeof value === "object" && value !== null
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  ]);
  return JSON.stringify(Object.fromEntries(sorted)).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
