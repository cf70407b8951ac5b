import { Account, same } from "./account.ts";
import type { Command, Credentials, News, SeenHost, Standing } from "./commands.ts";
import { byHand, Model, type ServiceTruth } from "./model.ts";
import type { HandStep, Operation } from "./steps.ts";

/** The last one's name begins with another's, and all its hosts are mostly private. */
const services = ["api", "job", "api-b"] as const;

const mostProcesses = 6;
const mostDiscoveries = 2;

/** Where a history is played: processes, and the records that they share. */
export interface World {
  /** The process tells its news to {@link Player.heard}, until it is killed. */
  start(process: string): void;

  /** SIGKILL. */
  kill(process: string): void;
  tell(process: string, about: number, command: Command): void;

  /** What is on etcd now. */
  read(services: readonly string[]): Promise<ReadonlyMap<string, ServiceTruth>>;

  /** Overwrites a record that is there, which keeps its lease, or deletes it; undone if it is not there. */
  writeHost(service: string, uuid: string, record: HandRecord): Promise<void>;
  writeInfo(service: string, record: HandRecord): Promise<void>;

  /** Milliseconds since the beginning. */
  readonly now: number;
}

/** What is done by hand to a record: some fields take the place of those there, or it becomes no record at all. */
export type HandRecord = "delete" | "spoil" | Readonly<Record<string, unknown>>;

/** A command that was not answered yet. */
interface Told {
  readonly process: string;
  readonly command: Command;
}

interface Subscribed {
  readonly name: string;
  readonly process: string;
  readonly discovery: string;
  readonly service: string;
  readonly account: Account;
  readonly late: boolean;
}

/**
 * Plays the operations of a history in a world: finds out whom each of them concerns, tells the
 * model and the world, and holds all that comes back against the model.
 */
export class Player {
  readonly model: Model = new Model();

  /** What happened, one line each. */
  readonly told: string[] = [];

  /** What must not have happened. */
  readonly faults: string[] = [];
  readonly #world: World;
  readonly #processes = new Map<string, Set<string>>();
  readonly #owners = new Map<string, string>();
  readonly #subscriptions = new Map<string, Subscribed>();
  readonly #uuids = new Map<string, string>();
  readonly #answers = new Map<number, (news: News) => void>();
  readonly #unanswered = new Map<number, Told>();
  readonly #counts = new Map<string, number>();
  #numbers = 0;

  constructor(world: World) {
    this.#world = world;
  }

  get processes(): readonly string[] {
    return [...this.#processes.keys()];
  }

  get subscriptions(): Iterable<Subscribed> {
    return this.#subscriptions.values();
  }

  note(text: string): void {
    this.told.push(`${String(Math.round(this.#world.now)).padStart(6)}  ${text}`);
  }

  fault(text: string): void {
    this.note(`!!! ${text}`);
    this.faults.push(text);
  }

  perform(step: Operation): void {
    switch (step.do) {
      case "start":
        if (this.#processes.size < mostProcesses) this.#start();
        return;
      case "kill": {
        const process = pick(this.processes, step.process);
        if (process !== undefined && this.#processes.size > 1) this.#kill(process);
        return;
      }
      case "open": {
        const process = pick(this.processes, step.process);
        const open = process === undefined ? undefined : this.#processes.get(process);
        if (process !== undefined && (open?.size ?? 0) < mostDiscoveries) this.#open(process);
        return;
      }
      case "close": {
        const discovery = this.#discovery(step.discovery);
        if (discovery === undefined) return;
        this.model.endAll({ discovery });
        this.#forget((subscribed) => subscribed.discovery === discovery);
        this.#tell(this.#owner(discovery), { do: "close", discovery });
        for (const open of this.#processes.values()) open.delete(discovery);
        return;
      }
      case "register":
        this.#register(step);
        return;
      case "update":
        this.#update(step);
        return;
      case "rotate": {
        const wanted = this.#wanted(step.registration);
        if (wanted === undefined) return;
        const { registration } = wanted;
        const credentials = this.#credentials();
        this.model.rotate(registration, credentials);
        this.#tell(wanted.process, { do: "rotate", registration, credentials });
        return;
      }
      case "drain": {
        const wanted = this.#wanted(step.registration);
        if (wanted === undefined) return;
        const { registration } = wanted;
        this.model.leave(registration);
        this.#tell(wanted.process, { do: "drain", registration, delayMs: step.delayMs }, () =>
          this.model.end(registration),
        );
        return;
      }
      case "unregister":
      case "abort": {
        const wanted = this.#wanted(step.registration);
        if (wanted === undefined) return;
        const { registration } = wanted;
        this.model.end(registration);
        this.#tell(wanted.process, { do: step.do, registration });
        return;
      }
      case "subscribe": {
        const discovery = this.#discovery(step.discovery);
        const service = pick(services, step.service);
        if (discovery !== undefined && service !== undefined) {
          this.#subscribe(discovery, service, step.as);
        }
        return;
      }
      case "leave": {
        const subscription = pick([...this.#subscriptions.keys()], step.subscription);
        const subscribed = this.#subscriptions.get(subscription ?? "");
        if (subscription === undefined || subscribed === undefined) return;
        this.#subscriptions.delete(subscription);
        this.#tell(subscribed.process, { do: "leave", subscription });
        return;
      }
      case "lookup": {
        const discovery = this.#discovery(step.discovery);
        const service = pick(services, step.service);
        if (discovery === undefined || service === undefined) return;
        const command = { do: "lookup", discovery, service } as const;
        this.#tell(this.#owner(discovery), command, (news) => {
          if (!("found" in news)) return;
          for (const host of news.found) this.#check(service, host, "a lookup");
        });
      }
    }
  }

  async performByHand(step: HandStep): Promise<void> {
    if ("host" in step) {
      const wanted = this.#wanted(step.registration);
      const uuid = this.#uuids.get(wanted?.registration ?? "");
      if (wanted === undefined || uuid === undefined) return;
      const { registration, service } = wanted;
      this.note(`by hand: ${step.host} ${registration}`);
      if (step.host === "overwrite") this.model.touch(registration);
      if (step.host === "order draining") this.model.orderDraining(registration);
      const metadata = { registration, version: byHand };
      const records = {
        delete: "delete",
        overwrite: { shard: "by hand", metadata },
        spoil: "spoil",
        "order draining": { draining: true },
      } as const;
      await this.#world.writeHost(service, uuid, records[step.host]);
      return;
    }
    const service = pick(services, step.service);
    if (service === undefined) return;
    const credentials = this.#credentials();
    this.note(`by hand: ${step.info} the info of ${service} (${credentials.user})`);
    if (step.info === "overwrite") this.model.setByHand(service, credentials);
    if (step.info === "empty") this.model.setByHand(service, undefined);
    const records = {
      delete: "delete",
      overwrite: { ...credentials, public: true, hostname: "by-hand.dev" },
      empty: { user: undefined, password: undefined },
      spoil: "spoil",
    } as const;
    await this.#world.writeInfo(service, records[step.info]);
  }

  /** Asks every living process; those that do not answer in time are left out. */
  async ask(command: Command, answered: (process: string, news: News) => void): Promise<void> {
    await Promise.all(
      this.processes.map(
        (process) =>
          new Promise<void>((resolve) => {
            this.#tell(process, command, (news) => {
              answered(process, news);
              resolve();
            });
          }),
      ),
    );
  }

  /** From now on nothing is wanted, and nobody is listened to who follows. */
  endAll(): void {
    for (const process of this.processes) this.model.endAll({ process });
    this.#subscriptions.clear();
  }

  /** Those that were not read so far are read from now on. */
  readLate(): void {
    for (const { name, process, late } of this.#subscriptions.values()) {
      if (late) this.#tell(process, { do: "read", subscription: name });
    }
  }

  heard(process: string, news: News): void {
    if ("about" in news) this.#answered(process, news);
    else if ("subscription" in news) this.#followed(process, news);
    else if ("registration" in news) this.#registered(process, news);
    else if ("log" in news) this.note(`${process} . ${news.log}`);
    else if ("stalledMs" in news) {
      this.note(`${process} stood still for ${Math.round(news.stalledMs)} ms`);
    } else if ("fault" in news) this.fault(`${process}: ${news.fault}`);
  }

  /** What is not, or not yet, as it must be: on etcd, and in the eyes of all who follow. */
  async wrong(): Promise<string[]> {
    const wrong: string[] = [];
    const truths = await this.#world.read(services);
    for (const [service, truth] of truths) wrong.push(...this.model.wrong(service, truth));
    for (const { name, service, account } of this.#subscriptions.values()) {
      const truth = truths.get(service);
      if (truth === undefined) continue;
      if (!account.live) wrong.push(`${name} is not live`);
      const { hosts, info } = truth;
      for (const id of new Set([...hosts.keys(), ...account.hosts.keys()])) {
        const [expected, known] = [hosts.get(id), account.hosts.get(id)];
        if (expected === "unreadable" || same(expected, known)) continue;
        const on = expected === undefined ? "gone" : `version ${expected.metadata["version"]}`;
        const told = known === undefined ? "gone" : `version ${known.metadata["version"]}`;
        wrong.push(`${name} on ${service}: ${id} is ${on}, but told was ${told}`);
      }
      if (account.views > 0 && info !== "unreadable" && !same(account.info, info)) {
        wrong.push(`${name}: the info of ${service} is another than that told`);
      }
    }
    for (const { process, command } of this.#unanswered.values()) {
      wrong.push(`${process} has not answered: ${JSON.stringify(command)}`);
    }
    return wrong;
  }

  /** Holds what a registration says of itself against the model. */
  wrongStanding(process: string, standing: Standing): string[] {
    const wanted = this.model.wanted.find((each) => each.registration === standing.registration);
    const { registration, state, error } = standing;
    const of = `${process} says that ${registration} is ${state}`;
    if (wanted === undefined) return state === "closed" ? [] : [`${of}, but it is not wanted`];
    if (wanted.leaving) return [];
    if (wanted.draining === false && state !== "registered") return [of];
    if (wanted.draining === true && state !== "draining") return [of];
    return error === undefined ? [] : [`${of}, with an error: ${error}`];
  }

  #start(): void {
    const process = this.#name("p");
    this.#processes.set(process, new Set());
    this.note(`${process} starts`);
    this.#world.start(process);
    this.#open(process);
  }

  #kill(process: string): void {
    this.note(`${process} is killed`);
    this.#processes.delete(process);
    this.model.endAll({ process });
    this.#forget((subscribed) => subscribed.process === process);
    for (const [about, command] of this.#unanswered) {
      if (command.process === process) this.#unanswered.delete(about);
    }
    this.#world.kill(process);
  }

  #open(process: string): void {
    const discovery = `${process}.${this.#name(`${process}.`).slice(process.length + 1)}`;
    this.#processes.get(process)?.add(discovery);
    this.#owners.set(discovery, process);
    this.#tell(process, { do: "open", discovery });
  }

  #register(step: Operation & { do: "register" }): void {
    const discovery = this.#discovery(step.discovery);
    const service = pick(services, step.service);
    if (discovery === undefined || service === undefined) return;
    const process = this.#owner(discovery);
    const registration = this.#name("r");
    const hostname = `${registration}.dev`;
    const credentials = step.credentials ? this.#credentials() : undefined;
    const { public: isPublic, shard } = step;
    const version = 1;
    const weight = 1;
    const draining = false;
    const leaving = false;
    this.model.register({
      ...{ registration, process, discovery, service, public: isPublic, credentials },
      ...{ version, hostname, shard, weight, draining, leaving },
    });
    const metadata = { registration, version: String(version) };
    const ports = { http: 80 };
    const privateHostname = `${registration}.internal.dev`;
    const host = { hostname, ports, privateHostname, public: isPublic, shard, metadata };
    this.#tell(process, {
      ...{ do: "register", discovery, registration, service },
      host: { ...host, ...credentials },
    });
  }

  #update({ registration: number, change }: Operation & { do: "update" }): void {
    const wanted = this.#wanted(number);
    if (wanted === undefined) return;
    const { registration, version } = wanted;
    const next = version + 1;
    const changes = {
      hostname: { hostname: `${registration}-${next}.dev` },
      shard: { shard: `shard-${next}` },
      weight: { weight: next },
      undrain: { draining: false },
    }[change];
    this.model.update(registration, changes);
    const metadata = { registration, version: String(next) };
    this.#tell(wanted.process, { do: "update", registration, changes: { ...changes, metadata } });
  }

  #subscribe(discovery: string, service: string, as: "events" | "views" | "late"): void {
    const process = this.#owner(discovery);
    const name = this.#name("s");
    const account = new Account();
    const late = as === "late";
    this.#subscriptions.set(name, { name, process, discovery, service, account, late });
    this.#tell(process, { do: "subscribe", discovery, subscription: name, service, as });
  }

  #tell(process: string, command: Command, answered: (news: News) => void = () => {}): void {
    this.#numbers += 1;
    const about = this.#numbers;
    if (command.do !== "report") {
      this.note(`${process} <- ${about} ${JSON.stringify(command)}`);
    }
    this.#unanswered.set(about, { process, command });
    this.#answers.set(about, answered);
    this.#world.tell(process, about, command);
  }

  #answered(process: string, news: Extract<News, { about: number }>): void {
    if (!this.#unanswered.has(news.about)) return;
    this.#answers.get(news.about)?.(news);
    if (!("done" in news || "failed" in news)) return;
    const how = "failed" in news ? news.failed : "done";
    const answered = this.#unanswered.get(news.about);
    this.#unanswered.delete(news.about);
    if (answered?.command.do !== "report") this.note(`${process} -> ${news.about} ${how}`);
    this.#answers.delete(news.about);
  }

  #followed(process: string, news: Extract<News, { subscription: string }>): void {
    const subscribed = this.#subscriptions.get(news.subscription);
    if (subscribed === undefined) return;
    const { name, service, account } = subscribed;
    const faults = account.faults.length;
    if ("event" in news) {
      const { type, host } = news.event;
      this.note(`${process} ${name} is told: ${type} ${inShort(host)}`);
      account.event(news.event);
      this.#check(service, host, name);
    } else if ("view" in news) {
      const { hosts, info, live } = news.view;
      const all = hosts.map(inShort).join(", ");
      this.note(`${process} ${name} sees ${live ? "" : "(stale) "}[${all}] ${info?.user ?? ""}`);
      account.view(news.view);
      for (const host of hosts) this.#check(service, host, name);
      const impossible = info && this.model.impossibleInfo(service, info);
      if (impossible !== undefined) this.fault(`${name} was told of an info: ${impossible}`);
    } else this.fault(`${name} has ended by itself: ${news.ended}`);
    for (const fault of account.faults.slice(faults)) this.fault(`${name}: ${fault}`);
  }

  #registered(process: string, news: Extract<News, { registration: string }>): void {
    const { registration } = news;
    if ("uuid" in news) {
      this.#uuids.set(registration, news.uuid);
      this.note(`${process} ${registration} is ${news.uuid.slice(0, 4)}`);
    } else if ("state" in news) this.note(`${process} ${registration} is ${news.state}`);
    else {
      const { credentials } = news;
      this.note(`${process} ${registration} has adopted ${credentials.user}`);
      const impossible = this.model.impossibleNews(registration, credentials);
      if (impossible !== undefined) this.fault(`${registration} was told: ${impossible}`);
    }
  }

  #check(service: string, host: SeenHost, told: string): void {
    const impossible = this.model.impossible(service, host);
    if (impossible === undefined) return;
    this.fault(`${told} was told of ${JSON.stringify(host)}, but ${impossible}`);
  }

  #forget(gone: (subscribed: Subscribed) => boolean): void {
    for (const subscribed of this.#subscriptions.values()) {
      if (gone(subscribed)) this.#subscriptions.delete(subscribed.name);
    }
  }

  #discovery(number: number): string | undefined {
    return pick(
      [...this.#processes.values()].flatMap((open) => [...open]),
      number,
    );
  }

  #owner(discovery: string): string {
    return this.#owners.get(discovery) ?? "";
  }

  /** One that is wanted and was not asked to leave. */
  #wanted(number: number) {
    return pick(
      this.model.wanted.filter(({ leaving }) => !leaving),
      number,
    );
  }

  #credentials(): Credentials {
    const name = this.#name("c");
    return { user: name, password: `secret-${name}` };
  }

  /** Another one each time: `r1`, `r2`, … */
  #name(kind: string): string {
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    return `${kind}${count}`;
  }
}

/** What is written by hand where this is; undefined where there is no record to change. */
export function written(
  record: Exclude<HandRecord, "delete">,
  there: string | Uint8Array,
): string | undefined {
  if (record === "spoil") return "spoilt";
  try {
    return JSON.stringify({ ...(JSON.parse(Buffer.from(there).toString()) as object), ...record });
  } catch {
    // Spoilt before.
    return undefined;
  }
}

export function pick<T>(from: readonly T[], number: number): T | undefined {
  return from[number % Math.max(1, from.length)];
}

function inShort({ uuid, metadata, draining, user }: SeenHost): string {
  const { registration = "?", version } = metadata;
  return `${registration}=${uuid.slice(0, 4)} v${version} ${user}${draining ? " draining" : ""}`;
}
