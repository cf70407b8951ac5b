import { getEventListeners } from "node:events";
import type {
  Discovery,
  Host,
  HostEvent,
  Registration,
  Service,
  ServiceView,
  Subscription,
} from "../../../src/index.ts";
import type { Command, News, SeenHost, SeenInfo, SeenView } from "./commands.ts";

/** Errors that a call may end with while etcd is in trouble, or its registration or discovery ends. */
const expected = new Set([
  "UNAVAILABLE",
  "TIMEOUT",
  "CLOSED",
  "SERVICE_NOT_FOUND",
  "NO_HOST_FOUND",
]);

interface Held {
  readonly registration: Registration;
  readonly abort: AbortController;
}

/** Does what it is told with the discoveries of one process, and says what comes of it. */
export class Actor {
  readonly #open: (name: string) => Discovery;
  readonly #say: (news: News) => void;
  readonly #resources: () => readonly string[];
  readonly #discoveries = new Map<string, Discovery>();
  readonly #registrations = new Map<string, Held>();
  readonly #reads = new Map<string, () => void>();
  readonly #subscriptions = new Map<string, Subscription<HostEvent | ServiceView>>();
  readonly #signals: AbortSignal[] = [];

  /** @param resources what the process holds */
  constructor(
    open: (name: string) => Discovery,
    say: (news: News) => void,
    resources: () => readonly string[] = () => [],
  ) {
    this.#open = open;
    this.#say = say;
    this.#resources = resources;
  }

  perform(about: number, command: Command): void {
    this.#perform(about, command).catch((error: unknown) => {
      const { code } = error as { code?: string };
      const failed = code ?? String(error);
      if (code === undefined || !expected.has(code)) {
        this.#say({ fault: `${command.do} failed: ${(error as Error).stack ?? failed}` });
      }
      this.#say({ about, failed });
    });
  }

  async #perform(about: number, command: Command): Promise<void> {
    switch (command.do) {
      case "open":
        this.#discoveries.set(command.discovery, this.#open(command.discovery));
        break;
      case "close":
        await this.#discovery(command.discovery).close();
        break;
      case "register":
        await this.#register(command);
        break;
      case "update":
        await this.#held(command.registration).registration.update(command.changes);
        break;
      case "rotate": {
        const { registration } = this.#held(command.registration);
        await registration.rotateCredentials(command.credentials);
        break;
      }
      case "drain": {
        const { delayMs } = command;
        await this.#held(command.registration).registration.drain({ delayMs });
        break;
      }
      case "unregister":
        await this.#held(command.registration).registration.unregister();
        break;
      case "abort":
        this.#held(command.registration).abort.abort();
        await this.#held(command.registration).registration.unregister();
        break;
      case "subscribe":
        this.#subscribe(command);
        break;
      case "read":
        this.#reads.get(command.subscription)?.();
        break;
      case "leave":
        await this.#subscriptions.get(command.subscription)?.return();
        break;
      case "lookup": {
        const hosts = await this.#discovery(command.discovery).get(command.service).all();
        this.#say({ about, found: hosts.map(seenHost) });
        break;
      }
      case "report":
        this.#report(about);
        break;
      case "end":
        await Promise.all([...this.#discoveries.values()].map((discovery) => discovery.close()));
        this.#say({ about, left: await this.#leftInTheEnd() });
    }
    this.#say({ about, done: true });
  }

  async #register({
    discovery,
    registration: name,
    service,
    host,
  }: Command & { do: "register" }): Promise<void> {
    const abort = new AbortController();
    this.#signals.push(abort.signal);
    const { signal } = abort;
    const registration = this.#discovery(discovery).register(service, host, { signal });
    this.#registrations.set(name, { registration, abort });
    this.#say({ registration: name, uuid: registration.uuid });
    registration.on("state", (state) => this.#say({ registration: name, state }));
    registration.on("credentials", ({ user, password }) =>
      this.#say({ registration: name, credentials: { user, password } }),
    );
    await registration.waitRegistration();
  }

  #subscribe({ discovery, subscription: name, service, as }: Command & { do: "subscribe" }): void {
    const abort = new AbortController();
    this.#signals.push(abort.signal);
    const { signal } = abort;
    const from = this.#discovery(discovery);
    if (as === "views") {
      const views = from.changes(service, { signal });
      this.#subscriptions.set(name, views);
      void this.#read(name, views, (view) => ({ subscription: name, view: seenView(view) }));
      return;
    }
    const events = from.subscribe(service, { existing: true, signal });
    this.#subscriptions.set(name, events);
    let begun = false;
    const read = (): void => {
      if (begun) return;
      begun = true;
      void this.#read(name, events, ({ type, host, previous }) => ({
        subscription: name,
        event: { type, host: seenHost(host), previous: previous && seenHost(previous) },
      }));
    };
    this.#reads.set(name, read);
    if (as === "events") read();
  }

  async #read<T>(subscription: string, from: AsyncIterable<T>, newsOf: (item: T) => News) {
    try {
      for await (const item of from) this.#say(newsOf(item));
      this.#say({ subscription, ended: "" });
    } catch (error) {
      this.#say({ subscription, ended: String(error) });
    }
  }

  #report(about: number): void {
    const standings = [...this.#registrations].map(([name, { registration }]) => {
      const { uuid, state, ready, lastError } = registration;
      const credentials = ready ? registration.credentials() : undefined;
      return { registration: name, uuid, state, credentials, error: lastError?.message };
    });
    this.#say({ about, standings });
  }

  /** What is left of it all. Sockets take a turn or two to be gone. */
  async #leftInTheEnd(): Promise<string[]> {
    for (let tries = 1; ; tries += 1) {
      const listeners = this.#signals.flatMap((signal) => getEventListeners(signal, "abort"));
      const left = [...this.#resources(), ...listeners.map(() => "listener on a signal")];
      if (left.length === 0 || tries === 10) return left;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  #discovery(name: string): Discovery {
    const discovery = this.#discoveries.get(name);
    if (discovery === undefined) throw new Error(`there is no discovery ${name}`);
    return discovery;
  }

  #held(name: string): Held {
    const held = this.#registrations.get(name);
    if (held === undefined) throw new Error(`there is no registration ${name}`);
    return held;
  }
}

function seenHost(host: Host): SeenHost {
  const { uuid, hostname, shard, weight, draining, user, password } = host;
  const metadata = { ...host.metadata };
  return { uuid, hostname, public: host.public, shard, weight, metadata, draining, user, password };
}

function seenInfo({ hostname, public: isPublic, user, password }: Service): SeenInfo {
  return { hostname, public: isPublic, user, password };
}

function seenView({ hosts, info, added, updated, removed, freshness }: ServiceView): SeenView {
  const ids = (some: readonly Host[]): string[] => some.map(({ uuid }) => uuid);
  return {
    hosts: hosts.map(seenHost),
    info: info && seenInfo(info),
    added: ids(added),
    updated: ids(updated),
    removed: ids(removed),
    live: freshness.source === "live",
  };
}
