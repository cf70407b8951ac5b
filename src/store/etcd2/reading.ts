import type { Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import {
  hostKey,
  hostsPrefix,
  infoKey,
  infosPrefix,
  isHostId,
  isServiceName,
  servicesPrefix,
} from "../../model/keys.ts";
import type { CallOptions, Listing, Selection, StoredRecord } from "../store.ts";
import type { Client } from "./client.ts";
import type { HeldHosts } from "./held-hosts.ts";
import { errorCodes, isKeysError, type KeysNode } from "./keys-api.ts";
import { StoredNode } from "./stored-node.ts";
import { withDeadline } from "./with-deadline.ts";

/** From this many hosts on, reading all of them takes less than asking for each. */
const manyHosts = 8;

/** How often hosts are read at most that have to be as new as the info. */
const mostReadings = 3;

/** How many directories are remembered as reported. */
const mostReported = 1_000;

/** A node, or that there is none, at the index of etcd's store at that moment. */
export interface NodeAnswer {
  readonly node: KeysNode | undefined;
  readonly index: number;
}

/** Reads records by the keys API, linearizably. */
export class Reading {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #prefix: string;
  readonly #held: HeldHosts;
  readonly #logger: Logger;
  readonly #reported = new Set<string>();

  constructor(client: Client, clock: Clock, prefix: string, held: HeldHosts, logger: Logger) {
    this.#client = client;
    this.#clock = clock;
    this.#prefix = prefix;
    this.#held = held;
    this.#logger = logger;
  }

  /**
   * The info and the hosts come in answers of their own, so the listing is as old as the older one.
   * But the hosts are never older than the info: whoever writes both writes the info last.
   */
  async read(service: string, selection: Selection, options: CallOptions): Promise<Listing> {
    const { info, hosts } = selection;
    const left = withDeadline(this.#clock, options);
    const isNothing = !info && hosts !== "all" && hosts.length === 0;
    const [infoAnswer, first] = await Promise.all([
      info || isNothing ? this.get(infoKey(this.#prefix, service), left) : undefined,
      this.#hosts(service, hosts, left),
    ]);
    const node = infoAnswer?.node;
    let listed = first;
    for (let tries = 1; node !== undefined && tries < mostReadings; tries += 1) {
      if (node.modifiedIndex <= oldest(listed.answers)) break;
      listed = await this.#hosts(service, hosts, left);
    }
    return {
      revision: Math.min(infoAnswer?.index ?? Infinity, oldest(listed.answers)),
      info: info && node !== undefined ? this.#info(service, node) : undefined,
      hosts: listed.hosts,
    };
  }

  /** The info as the member in use knows it by itself, unless that is behind what was seen before: then as all know it. */
  async knownInfo(service: string, options: CallOptions): Promise<Listing> {
    const key = infoKey(this.#prefix, service);
    const { revision } = this.#client;
    const left = withDeadline(this.#clock, options);
    const { node, index } = await this.get(key, left, { linearizable: false });
    if (index < revision) return this.read(service, { info: true, hosts: [] }, left);
    return { revision: index, info: node && this.#info(service, node), hosts: [] };
  }

  /** A name is in use as long as it has an info or a host; etcd keeps the directories of both. */
  async services(options: CallOptions & { readonly alive: boolean }): Promise<string[]> {
    const [infos, services] = await Promise.all([
      options.alive ? undefined : this.get(infosPrefix(this.#prefix).slice(0, -1), options),
      this.get(servicesPrefix(this.#prefix).slice(0, -1), options, {
        parameters: { recursive: "true" },
      }),
    ]);
    const names = new Set<string>();
    for (const node of infos?.node?.nodes ?? []) if (node.dir !== true) names.add(lastPart(node));
    for (const node of services.node?.nodes ?? []) {
      const isHost = (child: KeysNode) => child.dir !== true && isHostId(lastPart(child));
      if (node.nodes?.some(isHost) === true) names.add(lastPart(node));
    }
    return sortedByBytes([...names].filter(isServiceName));
  }

  /** One node as it is now; unless that is to be `linearizable`, as one member knows it. */
  async get(
    key: string,
    options: CallOptions,
    {
      parameters = {},
      linearizable = true,
    }: {
      readonly parameters?: Readonly<Record<string, string>>;
      readonly linearizable?: boolean;
    } = {},
  ): Promise<NodeAnswer> {
    const { signal, timeoutMs } = options;
    const call = { signal, timeoutMs, repeatable: true, linearizable };
    const request = { method: "GET", key, parameters } as const;
    try {
      const { node, index } = await this.#client.call(`read "${key}"`, request, call);
      return { node, index };
    } catch (error) {
      if (!isKeysError(error, errorCodes.notFound, errorCodes.notADirectory)) throw error;
      return { node: undefined, index: error.index };
    }
  }

  async #hosts(
    service: string,
    hosts: Selection["hosts"],
    options: CallOptions,
  ): Promise<{ readonly answers: readonly NodeAnswer[]; readonly hosts: StoredRecord[] }> {
    if (hosts !== "all" && hosts.length === 0) return { answers: [], hosts: [] };
    if (hosts !== "all" && hosts.length < manyHosts) {
      const answers = await Promise.all(
        sortedByBytes(hosts).map((id) => this.get(hostKey(this.#prefix, service, id), options)),
      );
      return { answers, hosts: this.#records(service, answers) };
    }
    const directory = hostsPrefix(this.#prefix, service).slice(0, -1);
    const answer = await this.get(directory, options, { parameters: { sorted: "true" } });
    const found = this.#records(
      service,
      (answer.node?.nodes ?? []).map((node) => ({ node })),
    );
    if (hosts === "all") return { answers: [answer], hosts: found };
    const wanted = new Set(hosts);
    return { answers: [answer], hosts: found.filter(({ id }) => wanted.has(id)) };
  }

  #records(service: string, answers: readonly Pick<NodeAnswer, "node">[]): StoredRecord[] {
    const records: StoredRecord[] = [];
    for (const { node } of answers) {
      if (node === undefined) continue;
      const id = lastPart(node);
      if (node.dir === true) this.#report(service, node.key);
      else if (isHostId(id)) records.push(new StoredNode(id, node, this.#held.revisionOf(node)));
    }
    return records;
  }

  #info(service: string, node: KeysNode): StoredRecord | undefined {
    return node.dir === true ? undefined : new StoredNode(service, node);
  }

  /** Once for each, however often it is come across. */
  #report(service: string, key: string): void {
    if (this.#reported.has(key) || this.#reported.size >= mostReported) return;
    this.#reported.add(key);
    this.#logger.warn("skipped a directory where the hosts of a service lie", { service, key });
  }
}

function oldest(answers: readonly NodeAnswer[]): number {
  return Math.min(...answers.map(({ index }) => index));
}

function lastPart({ key }: KeysNode): string {
  return key.slice(key.lastIndexOf("/") + 1);
}

/** In the order in which etcd sorts keys, which is not that of JavaScript beyond U+FFFF. */
function sortedByBytes(texts: Iterable<string>): string[] {
  return Array.from(texts, (text) => ({ text, bytes: Buffer.from(text) }))
    .sort((left, right) => Buffer.compare(left.bytes, right.bytes))
    .map(({ text }) => text);
}
