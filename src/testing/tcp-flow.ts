import type { Socket } from "node:net";

/** What befalls one direction of a proxy, for all of its connections. */
export interface FlowConditions {
  /** How much later each byte arrives. */
  readonly delayMs: number;

  /** Whether everything is kept back. */
  readonly stalled: boolean;
}

/** Bytes, or what ends them: the sender has no more (FIN), or is gone (RST). */
type Item = Buffer | "end" | "reset";

/** How much is kept at most before the sender has to wait, as it does when a network takes no more. */
const maximumBytes = 1024 * 1024;

/** One direction of one connection: passes on what comes, in its order, when the conditions allow. */
export class Flow {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #conditions: FlowConditions;
  readonly #queue: { readonly item: Item; readonly since: number }[] = [];
  #held = 0;
  #dropped = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param conditions looked at whenever something may pass; call {@link pass} when they change. */
  constructor(from: Socket, to: Socket, conditions: FlowConditions) {
    this.#from = from;
    this.#to = to;
    this.#conditions = conditions;
    from.on("data", (chunk: Buffer) => this.#take(chunk));
    from.on("end", () => this.#take("end"));
    // Told by "close" as well; without a listener it would end the process.
    from.on("error", () => {});
    from.on("close", (failed) => {
      if (failed) this.#take("reset");
    });
    to.on("drain", () => this.pass());
    to.on("close", () => this.pass());
  }

  /** How many bytes are kept back. */
  get held(): number {
    return this.#held;
  }

  /** Passes on all that may pass now. */
  pass(): void {
    clearTimeout(this.#timer);
    this.#to.cork();
    this.#deliver();
    this.#to.uncork();
    if (this.#held < maximumBytes) this.#from.resume();
    else this.#from.pause();
  }

  /** From now on everything vanishes, also that there is no more. */
  drop(): void {
    this.#dropped = true;
    this.pass();
  }

  #take(item: Item): void {
    this.#queue.push({ item, since: performance.now() });
    if (typeof item === "object") this.#held += item.length;
    this.pass();
  }

  #deliver(): void {
    for (let next = this.#queue[0]; next !== undefined; next = this.#queue[0]) {
      const vanishes = this.#dropped || this.#to.destroyed;
      if (!vanishes && (this.#conditions.stalled || this.#to.writableNeedDrain)) return;
      const { delayMs } = this.#conditions;
      const remainingMs = delayMs === 0 ? 0 : next.since + delayMs - performance.now();
      if (!vanishes && remainingMs > 0) {
        this.#timer = setTimeout(() => this.pass(), remainingMs).unref();
        return;
      }
      this.#queue.shift();
      if (typeof next.item === "object") this.#held -= next.item.length;
      if (!vanishes) this.#put(next.item);
    }
  }

  #put(item: Item): void {
    if (item === "end") this.#to.end();
    else if (item === "reset") resetSocket(this.#to);
    else this.#to.write(item);
  }
}

/** Breaks a connection off (RST). One that is not there yet is given up: it would first send what it was given. */
export function resetSocket(socket: Socket): void {
  if (socket.connecting) socket.destroy();
  else socket.resetAndDestroy();
}
