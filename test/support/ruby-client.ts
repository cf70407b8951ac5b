import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { RawEtcdV2 } from "./raw-etcd-v2.ts";

/** What the caller of the Ruby client gives, in the names of its records and in the order of its hash. */
export type RubyHostInput = Readonly<Record<string, unknown>> & {
  readonly name: string;
  readonly ports: Readonly<Record<string, string>>;
};

export interface RubyHostOptions {
  /** How often the host's record is written again, in milliseconds. Default: 8,000, as there. */
  readonly everyMs?: number;

  /** Default: 10, as there. */
  readonly ttlSeconds?: number;
}

/**
 * A host as the Ruby client registers it: puts the info, whatever it was, then its own key with a TTL
 * again and again, with the credentials that the info has meanwhile; deletes its key at the end.
 */
export class RubyHost implements AsyncDisposable {
  readonly uuid: string;
  readonly key: string;
  readonly infoKey: string;
  readonly #etcd: RawEtcdV2;
  readonly #everyMs: number;
  readonly #ttlSeconds: number;
  readonly #ending = new AbortController();
  readonly #attributes: Record<string, unknown>;
  readonly #running: Promise<void>[] = [];
  #writes = 0;

  constructor(
    etcd: RawEtcdV2,
    service: string,
    input: RubyHostInput,
    options: RubyHostOptions = {},
  ) {
    const hostname = input["private_hostname"];
    this.uuid = `${randomUUID()}-${typeof hostname === "string" ? hostname : ""}`;
    this.key = `/services/${service}/${this.uuid}`;
    this.infoKey = `/services_infos/${service}`;
    this.#etcd = etcd;
    this.#everyMs = options.everyMs ?? 8_000;
    this.#ttlSeconds = options.ttlSeconds ?? 10;
    const given: Record<string, unknown> = { uuid: this.uuid, ...input };
    this.#attributes = {
      ...given,
      user: given["user"] ?? "",
      password: given["password"] ?? "",
      service_name: service,
    };
  }

  /** How often it has written its key. */
  get writes(): number {
    return this.#writes;
  }

  /** The record as it writes it now. */
  get record(): string {
    return JSON.stringify(this.#attributes);
  }

  /** Resolves when both records are written. */
  async start(): Promise<this> {
    const { node } = await this.#etcd.put(this.infoKey, this.#info());
    await this.#write();
    this.#running.push(this.#rewrite());
    const { public: isPublic, user, password } = this.#attributes;
    if (isPublic === true && (user !== "" || password !== "")) {
      this.#running.push(this.#follow(node.modifiedIndex));
    }
    return this;
  }

  /** Ends as the Ruby client does. */
  async stop(): Promise<void> {
    if (this.#ending.signal.aborted) return;
    await this.kill();
    await this.#etcd.delete(this.key);
  }

  /** Ends as a process that is killed. */
  async kill(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#running);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #write(): Promise<void> {
    await this.#etcd.put(this.key, this.record, this.#ttlSeconds);
    this.#writes += 1;
  }

  async #rewrite(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      await sleep(this.#everyMs, undefined, { signal }).catch(() => {});
      if (!signal.aborted) await this.#write().catch(() => {});
    }
  }

  async #follow(from: number): Promise<void> {
    const { signal } = this.#ending;
    let after = from;
    while (!signal.aborted) {
      try {
        const { node } = await this.#etcd.poll(this.infoKey, { waitIndex: after + 1, signal });
        after = node.modifiedIndex;
        const { user, password } = JSON.parse(node.value ?? "") as Record<string, unknown>;
        Object.assign(this.#attributes, { user, password });
      } catch {
        await sleep(1_000, undefined, { signal }).catch(() => {});
      }
    }
  }

  /** What it was not given it writes as null. */
  #info(): string {
    const {
      service_name,
      critical,
      user,
      password,
      name,
      ports,
      public: isPublic,
    } = this.#attributes;
    const info = {
      name: service_name,
      critical: critical ?? null,
      user,
      password,
      public: isPublic ?? null,
    };
    return JSON.stringify(isPublic === true ? { ...info, hostname: name, ports } : info);
  }
}
