import type { Logger } from "../../logger.ts";
import { hostKey, hostsPrefix, infoKey, isHostId } from "../../model/keys.ts";
import type {
  RecordName,
  Watch,
  WatchBatch,
  WatchChange,
  WatchEnd,
  WatchObserver,
  WatchTarget,
} from "../store.ts";
import { type Follower, isRemoval } from "./feed.ts";
import type { Feeds } from "./feeds.ts";
import type { KeysAnswer } from "./keys-api.ts";
import { StoredNode } from "./stored-node.ts";

/** A watch of one service: of its info, of its hosts, or of both, which come by feeds of their own. */
export class ServiceWatch implements Watch {
  readonly #service: string;
  readonly #observer: WatchObserver;
  readonly #logger: Logger;
  readonly #onClose: (watch: ServiceWatch) => void;
  readonly #leave: (() => void)[];

  /** Feeds that are not open. */
  #missing: number;

  /** What open ones have told meanwhile. */
  #early: WatchBatch[] = [];
  #established = false;
  #closed = false;

  /** @param onClose called once when it needs no more care */
  constructor(
    feeds: Feeds,
    prefix: string,
    target: WatchTarget,
    observer: WatchObserver,
    logger: Logger,
    onClose: (watch: ServiceWatch) => void,
  ) {
    this.#service = target.service;
    this.#observer = observer;
    this.#logger = logger;
    this.#onClose = onClose;
    const parts = partsOf(feeds, prefix, target);
    this.#missing = parts.length;
    this.#leave = parts.map(({ key, record }) => feeds.follow(key, this.#follower(target, record)));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const leave of this.#leave) leave();
    this.#onClose(this);
  }

  #follower(
    { from, patient = false }: WatchTarget,
    recordOf: (key: string) => RecordName | undefined,
  ): Follower {
    return {
      from,
      patient,
      opened: () => {
        this.#missing -= 1;
        if (this.#missing > 0 || this.#closed) return;
        this.#established = true;
        this.#tell(() => this.#observer.established());
        for (const batch of this.#early.splice(0)) this.#changed(batch);
      },
      event: (answer) => {
        const record = recordOf(answer.node.key);
        const change = record && changeOf(this.#service, record, answer);
        if (change === undefined) return;
        const batch = { revision: answer.node.modifiedIndex, changes: [change] };
        if (this.#established) this.#changed(batch);
        else this.#early.push(batch);
      },
      interrupted: (error) => {
        this.#missing += 1;
        if (!this.#established || this.#closed) return;
        this.#established = false;
        this.#tell(() => this.#observer.interrupted(error));
      },
      ended: (reason, error) => this.#ended(reason, error),
    };
  }

  #changed(batch: WatchBatch): void {
    if (!this.#closed) this.#tell(() => this.#observer.changed(batch));
  }

  #ended(reason: WatchEnd, error: Error): void {
    if (this.#closed) return;
    this.close();
    this.#tell(() => this.#observer.ended(reason, error));
  }

  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#logger.error("an observer of a watch threw", { service: this.#service, error });
    }
  }
}

/** A key to follow, and which record a key that something happened to is of, if any. */
interface Part {
  readonly key: string;
  readonly record: (key: string) => RecordName | undefined;
}

function partsOf(feeds: Feeds, prefix: string, { service, part, from }: WatchTarget): Part[] {
  const hosts = hostsPrefix(prefix, service);
  const directory = hosts.slice(0, -1);
  const hostOf = (key: string): RecordName | undefined => {
    if (!key.startsWith(hosts)) return undefined;
    const id = key.slice(hosts.length);
    return isHostId(id) && !isHidden(id) ? { kind: "host", id } : undefined;
  };
  if (typeof part === "object") {
    const own = hostKey(prefix, service, part.host);
    // One poll less, where all hosts are followed anyway.
    const key = feeds.serving(directory, from) === undefined ? own : directory;
    return [{ key, record: (changed) => (changed === own ? hostOf(changed) : undefined) }];
  }
  const info = infoKey(prefix, service);
  const infoPart: Part = {
    key: info,
    record: (changed) => (changed === info ? { kind: "info" } : undefined),
  };
  return part === "info" ? [infoPart] : [infoPart, { key: directory, record: hostOf }];
}

/** etcd leaves such out of every listing, and of what its watches tell, but not of what they tell of the past. */
function isHidden(id: string): boolean {
  return id.startsWith("_");
}

function changeOf(
  service: string,
  record: RecordName,
  answer: KeysAnswer,
): WatchChange | undefined {
  const { action, node, prevNode } = answer;
  // A directory in the place of a record ends it, too.
  const isReplaced = node.dir === true && prevNode !== undefined && prevNode.dir !== true;
  if (isRemoval(answer) || isReplaced) {
    const reason = action === "expire" ? "expired" : "unregistered";
    return { kind: "delete", record, revision: node.modifiedIndex, reason };
  }
  if (node.dir === true) return undefined;
  const id = record.kind === "info" ? service : record.id;
  // So the older clients keep their hosts alive: all day long hardly anything else is told.
  const unchanged = prevNode !== undefined && prevNode.value === node.value;
  return { kind: "put", record, stored: new StoredNode(id, node), unchanged };
}
