import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { refuse, shown } from "../model/refuse.ts";
import { Flow, type FlowConditions, resetSocket } from "./tcp-flow.ts";

/**
 * A way to a server on which everything can happen that happens in a network. What befalls it lasts
 * until {@link heal}, on the connections there are and on new ones, unless it is said otherwise.
 */
export interface TcpProxy extends AsyncDisposable {
  /**
   * Where to reach the target through it: the target's scheme, at a free port of 127.0.0.1. TLS
   * passes through it, so that the target's certificate must be good for that address.
   */
  readonly endpoint: string;

  /** How many connections were made so far, also those that were refused. */
  readonly connections: number;

  /** How many connections its clients have open now. */
  readonly open: number;

  /**
   * How many bytes it keeps back now. Keeps up to 1 MiB for each direction of a connection; a
   * sender of more has to wait.
   */
  readonly held: number;

  /** Resets all connections; new ones are served. */
  cut(): void;

  /** Resets all connections, and new ones as soon as they come. */
  refuse(): void;

  /**
   * Keeps all bytes back, and also that a side has closed or reset its connection; nothing is lost.
   * `"up"` is what goes to the target, `"down"` what comes from it. Default: both.
   */
  stall(direction?: "up" | "down" | "both"): void;

  /**
   * The connections there are now fall silent for ever, also after {@link heal}: what is sent
   * vanishes, also that a side has closed, and the sockets stay open. New ones are served.
   */
  drop(): void;

  /** Each byte arrives that much later, in each direction. In milliseconds; 0 is no delay. */
  delay(ms: number): void;

  /** New connections lead to another target, also after {@link heal}; resets those there are. */
  redirect(target: string): void;

  /** Ends {@link refuse}, {@link stall} and {@link delay}; what was kept back is passed on at once, in its order. */
  heal(): void;

  /** Resets all connections and listens no more. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Opens a proxy in front of a server, e.g. `startProxy(etcd.endpoint)`. It passes bytes, whatever
 * they mean. It does not keep this process alive.
 *
 * ```ts
 * await using etcd = await startEtcd();
 * await using proxy = await startProxy(etcd.endpoint);
 * const discovery = new Discovery({ endpoints: [proxy.endpoint] });
 * proxy.stall(); // The network is silent.
 * proxy.heal();
 * ```
 *
 * @param target `scheme://host:port`
 * @throws DiscoveryError `INVALID_ARGUMENT` at once if `target` is no such address.
 */
export function startProxy(target: string): Promise<TcpProxy> {
  return listen(parseTarget(target));
}

async function listen(target: Target): Promise<TcpProxy> {
  // A side that has closed may still be answered.
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  server.unref();
  return new LocalTcpProxy(server, target);
}

interface Connection {
  readonly client: Socket;
  readonly sockets: readonly [Socket, Socket];
  readonly flows: readonly [Flow, Flow];
}

class LocalTcpProxy implements TcpProxy {
  readonly endpoint: string;
  connections = 0;
  readonly #server: Server;
  readonly #open = new Set<Connection>();
  readonly #up: Conditions = { delayMs: 0, stalled: false };
  readonly #down: Conditions = { delayMs: 0, stalled: false };
  #target: Target;
  #refusing = false;
  #stopped: Promise<void> | undefined;

  constructor(server: Server, target: Target) {
    const { port } = server.address() as AddressInfo;
    this.endpoint = `${target.protocol}//127.0.0.1:${port}`;
    this.#server = server;
    this.#target = target;
    server.on("connection", (client) => this.#accept(client));
  }

  get open(): number {
    return [...this.#open].filter(({ client }) => !client.destroyed && !client.readableEnded)
      .length;
  }

  get held(): number {
    return this.#flows().reduce((sum, flow) => sum + flow.held, 0);
  }

  cut(): void {
    for (const { sockets } of this.#open) sockets.forEach(resetSocket);
    this.#open.clear();
  }

  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  stall(direction: "up" | "down" | "both" = "both"): void {
    if (!["up", "down", "both"].includes(direction)) {
      refuse("direction", `must be "up", "down" or "both", not ${shown(direction)}`);
    }
    if (direction !== "down") this.#up.stalled = true;
    if (direction !== "up") this.#down.stalled = true;
  }

  drop(): void {
    for (const flow of this.#flows()) flow.drop();
  }

  delay(ms: number): void {
    if (typeof ms !== "number" || !(ms >= 0 && ms <= longestDelayMs)) {
      refuse("ms", `must be a number of milliseconds from 0 to ${longestDelayMs}`);
    }
    this.#up.delayMs = ms;
    this.#down.delayMs = ms;
    for (const flow of this.#flows()) flow.pass();
  }

  redirect(target: string): void {
    this.#target = parseTarget(target);
    this.cut();
  }

  heal(): void {
    this.#refusing = false;
    for (const conditions of [this.#up, this.#down]) conditions.stalled = false;
    this.delay(0);
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #flows(): Flow[] {
    return [...this.#open].flatMap(({ flows }) => flows);
  }

  #accept(client: Socket): void {
    this.connections += 1;
    client.unref();
    if (this.#refusing) {
      client.on("error", () => {});
      client.resetAndDestroy();
      return;
    }
    const target = connect({
      host: this.#target.host,
      port: this.#target.port,
      allowHalfOpen: true,
      noDelay: true,
    }).unref();
    const connection: Connection = {
      client,
      sockets: [client, target],
      flows: [new Flow(client, target, this.#up), new Flow(target, client, this.#down)],
    };
    this.#open.add(connection);
    const forget = (): void => {
      if (client.closed && target.closed) this.#open.delete(connection);
    };
    client.on("close", forget);
    target.on("close", forget);
  }

  async #stop(): Promise<void> {
    this.refuse();
    this.#server.ref();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }
}

type Conditions = { -readonly [Name in keyof FlowConditions]: FlowConditions[Name] };

/** The longest delay that a timer can wait; Node fires longer ones at once. */
const longestDelayMs = 2 ** 31 - 1;

const defaultPorts: Readonly<Record<string, number>> = { "http:": 80, "https:": 443 };

interface Target {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

function parseTarget(target: string): Target {
  if (typeof target === "string" && URL.canParse(target)) {
    const { protocol, hostname, port: written } = new URL(target);
    const port = written === "" ? defaultPorts[protocol] : Number(written);
    // An IPv6 address is in brackets there, and nowhere else.
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    if (host !== "" && port !== undefined) return { protocol, host, port };
  }
  refuse("target", `must be scheme://host:port, e.g. http://127.0.0.1:2379, not ${shown(target)}`);
}
