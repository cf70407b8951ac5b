import { DiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type {
  Watch,
  WatchBatch,
  WatchChange,
  WatchEnd,
  WatchObserver,
  WatchTarget,
} from "../store.ts";
import type { MemoryServer } from "./server.ts";

/** A watch on a memory server. It tells its observer in microtasks, one after the other. */
export class MemoryWatch implements Watch {
  readonly target: WatchTarget;
  readonly #server: MemoryServer;
  readonly #observer: WatchObserver;
  readonly #logger: Logger;
  readonly #onClose: (watch: MemoryWatch) => void;
  readonly #identity: object;
  #state: "new" | "established" | "interrupted" | "closed" = "new";
  #next: number;
  #awake = false;

  /** @param identity of the server whose revisions `target.from` speaks of */
  constructor(
    server: MemoryServer,
    identity: object,
    target: WatchTarget,
    observer: WatchObserver,
    logger: Logger,
    onClose: (watch: MemoryWatch) => void,
  ) {
    this.#server = server;
    this.target = target;
    this.#observer = observer;
    this.#logger = logger;
    this.#onClose = onClose;
    this.#identity = identity;
    this.#next = target.from;
    this.wake();
  }

  close(): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#onClose(this);
  }

  /** There may be something to tell. */
  wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    queueMicrotask(() => {
      this.#awake = false;
      while (this.#step());
    });
  }

  /** Tells one thing; returns whether there may be more. */
  #step(): boolean {
    const server = this.#server;
    const { service } = this.target;
    if (this.#state === "closed") return false;
    if (server.serving !== "serving") {
      if (this.#state === "interrupted") return false;
      this.#state = "interrupted";
      const error = new DiscoveryError("UNAVAILABLE", `the watch of ${service} lost the store`);
      return this.#tell(() => this.#observer.interrupted(error));
    }
    if (server.identity !== this.#identity) return this.#end("replaced");
    const opened = this.#state === "established";
    if (!(opened ? server.keeps(service, this.#next) : server.remembers(service, this.#next))) {
      return this.#end("compacted");
    }
    if (!opened) {
      this.#state = "established";
      return this.#tell(() => this.#observer.established());
    }
    const batch = server.next(service, this.#next);
    if (batch === undefined) return false;
    this.#next = batch.revision + 1;
    const changes = batch.changes.filter((change) => this.#wants(change));
    if (changes.length === 0) return true;
    const wanted: WatchBatch = { revision: batch.revision, changes };
    return this.#tell(() => this.#observer.changed(wanted));
  }

  #wants({ record }: WatchChange): boolean {
    const { part } = this.target;
    if (part === "all") return true;
    if (part === "info") return record.kind === "info";
    return record.kind === "host" && record.id === part.host;
  }

  #end(reason: WatchEnd): false {
    const { service, from } = this.target;
    const why =
      reason === "compacted" ? `revision ${this.#next} is compacted` : "another store answers";
    const error = new DiscoveryError(
      "UNAVAILABLE",
      `the watch of ${service} from ${from} ended: ${why}`,
    );
    this.close();
    this.#tell(() => this.#observer.ended(reason, error));
    return false;
  }

  #tell(call: () => void): true {
    try {
      call();
    } catch (error) {
      this.#logger.error("a watch observer threw", { service: this.target.service, error });
    }
    return true;
  }
}
