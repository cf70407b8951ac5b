import { request } from "node:http";
import type { Socket } from "node:net";
import { settledWithin } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import type { Logger } from "../../logger.ts";
import { hostsPrefix, infoKey } from "../../model/keys.ts";
import { quote } from "../../model/refuse.ts";
import { openSocket } from "../etcd/socket.ts";
import type { ChannelTls } from "../etcd/tls.ts";

/** How long a question may take, and how long it may hold up a lookup that has found nothing. */
const patienceMs = 300;

/** For how long an answer is good enough. */
const keptMs = 60_000;

/** How many services are asked for in that time at most. */
const mostKept = 100;

const hint = "etcd has records of it that only its v2 API shows: `api: 2` (ETCD_API=2) sees them";

/** What a question told: whether there are such records, or nothing of use. */
type Answer = "there" | "none" | "silent";

interface Asked {
  readonly until: number;
  readonly answer: Promise<Answer>;
}

/**
 * Whether etcd has records of a service that only its v2 API shows: older clients write such ones,
 * and to the v3 API they are not there. Asks over a connection of its own, seldom, and never for
 * long.
 */
export class OlderRecords {
  readonly #prefix: string;
  readonly #tls: ChannelTls | undefined;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #asked = new Map<string, Asked>();
  readonly #warned = new Set<string>();
  readonly #sockets = new Set<Socket>();

  /** They are asked one after the other, so that a process that looks for many does not storm etcd. Never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #silentUntil = -Infinity;
  #closed = false;

  constructor(options: {
    readonly prefix: string;
    readonly tls: ChannelTls | undefined;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#prefix = options.prefix;
    this.#tls = options.tls;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** See `Store.hint`. */
  async hint(endpoint: string, service: string, timeoutMs: number): Promise<string | undefined> {
    if (this.#closed) return undefined;
    const answer = this.#answer(new URL(endpoint), service);
    const answered = await settledWithin(this.#clock, Math.min(timeoutMs, patienceMs), answer);
    return answered && (await answer) === "there" ? hint : undefined;
  }

  /** Gives up what is under way; no socket is left when it resolves. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const socket of this.#sockets) socket.destroy();
    await this.#last;
  }

  #answer(endpoint: URL, service: string): Promise<Answer> {
    const now = this.#clock.now();
    for (const [name, { until }] of this.#asked) {
      if (until > now) break;
      this.#asked.delete(name);
    }
    const kept = this.#asked.get(service);
    if (kept !== undefined) return kept.answer;
    if (now < this.#silentUntil || this.#asked.size >= mostKept) return Promise.resolve("silent");
    const answer = this.#last.then(() => this.#ask(endpoint, service));
    this.#last = answer;
    this.#asked.set(service, { until: now + keptMs, answer });
    return answer;
  }

  async #ask(endpoint: URL, service: string): Promise<Answer> {
    if (this.#closed || this.#clock.now() < this.#silentUntil) return "silent";
    const directory = hostsPrefix(this.#prefix, service).slice(0, -1);
    const keys = [infoKey(this.#prefix, service), directory];
    const answers = await Promise.all(keys.map((key) => this.#has(endpoint, key)));
    if (answers.includes("there")) {
      this.#warn(service);
      return "there";
    }
    if (answers.includes("none")) return "none";
    // Most likely an etcd without the v2 API: whoever asks for another service need not wait for it too.
    this.#silentUntil = this.#clock.now() + keptMs;
    return "silent";
  }

  #warn(service: string): void {
    if (this.#warned.has(service)) return;
    this.#warned.add(service);
    this.#logger.warn(`nothing is known of service ${quote(service)}, but ${hint}`, { service });
  }

  /** Never rejects, and leaves no socket. Asks for no more than whether the key is there, so that no password is read. */
  async #has(endpoint: URL, key: string): Promise<Answer> {
    let answer: Answer = "silent";
    let socket: Socket;
    try {
      socket = openSocket(endpoint, this.#tls, "http/1.1");
    } catch {
      // The files of `tls` cannot be read now.
      return answer;
    }
    this.#sockets.add(socket);
    const closed = new Promise<void>((resolve) => void socket.on("close", resolve));
    const cancel = this.#clock.setTimeout(() => socket.destroy(), patienceMs);
    const head = request({
      method: "HEAD",
      path: `/v2/keys${key.split("/").map(encodeURIComponent).join("/")}`,
      headers: { Host: endpoint.host },
      createConnection: () => socket,
    });
    head.on("error", () => {});
    head.on("response", ({ headers, statusCode }) => {
      // Whatever else listens there does not say so.
      const isEtcd = headers["x-etcd-cluster-id"] !== undefined;
      if (isEtcd && statusCode === 200) answer = "there";
      if (isEtcd && statusCode === 404) answer = "none";
      socket.destroy();
    });
    head.end();
    await closed;
    cancel();
    this.#sockets.delete(socket);
    return answer;
  }
}
