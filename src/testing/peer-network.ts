import { once } from "node:events";
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

/** One request of a member to another, and its answer. Streams of messages are such too. */
interface Exchange {
  /** The ports of the two. */
  readonly between: readonly [number, number];
  readonly question: IncomingMessage;
  readonly answer: ServerResponse;

  /** Towards the member that is asked, if it was. */
  asked?: ClientRequest;
  response?: IncomingMessage;

  /** Whether nobody hears anything of it any more. */
  silent: boolean;
}

/**
 * The network between the members of a cluster, from which single ones can be cut off. Each member
 * reaches the others by an HTTP proxy of its own, as its environment tells it, so that of every
 * request it is known who asks whom. (By what the requests themselves say that would not be known
 * of all: those that pass the renewal of a lease on to the leader do not say who asks.)
 *
 * Members are known by the ports that they listen on for each other.
 */
export class PeerNetwork {
  readonly #proxies = new Map<number, Server>();
  readonly #exchanges = new Set<Exchange>();
  readonly #isolated = new Set<number>();

  /** The variables that make a member use this network; its peers must not be at loopback addresses. */
  async join(member: number): Promise<NodeJS.ProcessEnv> {
    let proxy = this.#proxies.get(member);
    if (proxy === undefined) {
      proxy = createServer((question, answer) => this.#pass(member, question, answer));
      this.#proxies.set(member, proxy);
      proxy.on("connection", (socket) => socket.unref());
      // A connection lives as long as the members want.
      proxy.keepAliveTimeout = 0;
      proxy.requestTimeout = 0;
      proxy.headersTimeout = 0;
      proxy.listen(0, "127.0.0.1");
      await once(proxy, "listening");
      proxy.unref();
    }
    const { port } = proxy.address() as AddressInfo;
    return { HTTP_PROXY: `http://127.0.0.1:${port}`, NO_PROXY: "", no_proxy: "" };
  }

  isIsolated(member: number): boolean {
    return this.#isolated.has(member);
  }

  /** Nothing passes between it and the others any more, and nobody is told. */
  isolate(member: number): void {
    this.#isolated.add(member);
    for (const exchange of this.#exchanges) if (this.#isBlocked(exchange)) silence(exchange);
  }

  /** Lets new requests pass again; those that fell silent meanwhile are broken off, so that they come again. */
  rejoin(member: number): void {
    this.#isolated.delete(member);
    for (const exchange of this.#exchanges) {
      if (exchange.silent && !this.#isBlocked(exchange)) this.#breakOff(exchange);
    }
  }

  async close(): Promise<void> {
    for (const exchange of this.#exchanges) this.#breakOff(exchange);
    for (const proxy of this.#proxies.values()) {
      const closed = once(proxy, "close");
      proxy.close();
      proxy.closeAllConnections();
      await closed;
    }
  }

  #isBlocked({ between }: Exchange): boolean {
    return between.some((member) => this.#isolated.has(member));
  }

  #pass(from: number, question: IncomingMessage, answer: ServerResponse): void {
    // A proxy is sent the whole URL.
    const text = question.url ?? "";
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const to = Number(url?.port);
    if (url === undefined || !this.#proxies.has(to)) {
      answer.writeHead(404).end();
      return;
    }
    const exchange: Exchange = { between: [from, to], question, answer, silent: false };
    this.#exchanges.add(exchange);
    const failed = (): void => {
      // Of a silent one, the member that was asked is not told either.
      if (!exchange.silent || exchange.asked === undefined) this.#breakOff(exchange);
    };
    question.on("error", failed);
    answer.on("error", failed);
    answer.on("close", () => {
      if (answer.writableFinished) this.#exchanges.delete(exchange);
      else failed();
    });
    if (this.#isBlocked(exchange)) {
      silence(exchange);
      return;
    }
    const asked = request({
      host: "127.0.0.1",
      port: to,
      method: question.method,
      path: url.pathname + url.search,
      headers: question.headers,
      agent: false,
    });
    exchange.asked = asked;
    asked.on("socket", (socket) => socket.unref());
    asked.on("error", failed);
    asked.on("response", (response) => {
      exchange.response = response;
      response.on("error", failed);
      if (exchange.silent) {
        response.resume();
        return;
      }
      answer.writeHead(response.statusCode ?? 502, response.headers);
      answer.flushHeaders();
      response.pipe(answer);
    });
    question.pipe(asked);
  }

  #breakOff(exchange: Exchange): void {
    this.#exchanges.delete(exchange);
    exchange.question.destroy();
    exchange.answer.destroy();
    exchange.asked?.destroy();
  }
}

/** Makes that nobody hears anything of it any more; what is still said vanishes. */
function silence(exchange: Exchange): void {
  exchange.silent = true;
  exchange.question.unpipe().resume();
  exchange.response?.unpipe().resume();
}
