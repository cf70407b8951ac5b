import { setTimeout as sleep } from "node:timers/promises";
import { Discovery, type DiscoveryOptions } from "../../src/index.ts";
import type { Registration, RegistrationState } from "../../src/index.ts";
import {
  type EtcdCluster,
  type EtcdMember,
  startEtcd,
  type StartEtcdOptions,
} from "../../src/testing/index.ts";
import { type RawRecord, RawEtcd } from "./raw-etcd.ts";
import { RawEtcdV2 } from "./raw-etcd-v2.ts";
import { statesOf } from "./registrations.ts";
import { type Witness, witness } from "./witness.ts";

/** The service that all clients register and follow. */
export const service = "my-service";

/** A process's worth of the package that is connected to one member, though it knows all three. */
export interface MemberClient {
  readonly member: EtcdMember;
  readonly discovery: Discovery;
  readonly registration: Registration;

  /** What the registration went through since it was there. */
  readonly states: readonly RegistrationState[];
  readonly follower: Witness;
}

/** A cluster of three members with one client connected to each of them. */
export interface ThreeMembers extends AsyncDisposable {
  readonly etcd: EtcdCluster;

  /** In the order of the members. */
  readonly clients: readonly MemberClient[];

  /** Etcd by hand, though not by this member. */
  raw(but?: EtcdMember): EtcdCluster | RawEtcdV2;

  /**
   * The records of all hosts, by their keys, and when they were made: a key that flapped was made
   * anew. (On v2 any write of another value makes it anew, so that is left out.)
   */
  created(but?: EtcdMember): Promise<Map<string, number>>;
}

/** Starts all, and resolves when everybody knows of everybody. */
export async function startThreeMembers(
  options: {
    readonly etcd?: StartEtcdOptions | undefined;
    readonly client?: DiscoveryOptions | undefined;

    /** Endpoints that clients know of besides, though nothing may be there yet. */
    readonly further?: readonly string[] | undefined;
  } = {},
): Promise<ThreeMembers> {
  const v2 = options.client?.api === 2;
  const args = [...(v2 ? ["--enable-v2"] : []), ...(options.etcd?.args ?? [])];
  const etcd = await startEtcd({ size: 3, ...options.etcd, args });
  const raw = (but?: EtcdMember): EtcdCluster | RawEtcdV2 => {
    const member = etcd.members.find((each) => each !== but) ?? etcd;
    return v2 ? new RawEtcdV2(member.endpoint) : etcd;
  };
  const endpoints = [...etcd.endpoints, ...(options.further ?? [])];
  const discoveries: Discovery[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(discoveries.map((discovery) => discovery.close()));
    await etcd.stop();
  };
  try {
    const clients: MemberClient[] = [];
    for (const member of etcd.members) {
      const discovery = await connectedTo(member, endpoints, options.client);
      discoveries.push(discovery);
      const hostname = `node-${clients.length}.internal.dev`;
      const registration = discovery.register(service, { hostname, ports: { http: 8080 } });
      await registration.waitRegistration();
      const states = statesOf(registration);
      const follower = witness(discovery, service);
      clients.push({ member, discovery, registration, states, follower });
    }
    await Promise.all(clients.map(({ follower }) => follower.agrees(raw())));
    return {
      ...{ etcd, clients, raw },
      created: (but) => created(raw(but)),
      [Symbol.asyncDispose]: close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** How long it takes until one of these members answers a read that all agree upon, in milliseconds. */
export async function servedAfter(members: readonly EtcdMember[]): Promise<number> {
  const since = performance.now();
  let asking: Asking | undefined;
  const answeredAt = await new Promise<number>((resolve) => {
    asking = askAllTheTime(members, resolve);
  });
  await asking?.stop();
  return answeredAt - since;
}

/** Asks these members all the time; `stop` tells how long at most none answered a read that all agree upon, in milliseconds. */
export function longestUnserved(members: readonly EtcdMember[]): { stop(): Promise<number> } {
  let longestMs = 0;
  let servedAt = performance.now();
  const served = (at: number): void => {
    longestMs = Math.max(longestMs, at - servedAt);
    servedAt = at;
  };
  const asking = askAllTheTime(members, served);
  return {
    async stop() {
      served(performance.now());
      await asking.stop();
      return longestMs;
    },
  };
}

interface Asking {
  /** Resolves when all that was asked is settled. */
  stop(): Promise<void>;
}

/** Asks each of them every 20 ms, whatever became of the questions before; tells when one answers. */
function askAllTheTime(members: readonly EtcdMember[], onAnswer: (at: number) => void): Asking {
  let stopped = false;
  const questions = new Set<Promise<void>>();
  const ask = async ({ endpoint }: EtcdMember): Promise<void> => {
    try {
      await RawEtcd.at(endpoint).get("/");
    } catch {
      return;
    }
    if (!stopped) onAnswer(performance.now());
  };
  const asking = (async () => {
    while (!stopped) {
      for (const member of members) {
        const question = ask(member).finally(() => questions.delete(question));
        questions.add(question);
      }
      await sleep(20);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await asking;
      await Promise.all(questions);
    },
  };
}

async function created(etcd: EtcdCluster | RawEtcdV2): Promise<Map<string, number>> {
  if (etcd instanceof RawEtcdV2) {
    return new Map([...(await etcd.list(`/services/${service}`)).keys()].map((key) => [key, 0]));
  }
  const records = await new RawEtcd(etcd).list(`/services/${service}/`);
  return new Map([...records].map(([key, record]: [string, RawRecord]) => [key, record.created]));
}

/** A client chooses by chance where it begins: makes clients until one has begun here. */
async function connectedTo(
  { endpoint }: EtcdMember,
  endpoints: readonly string[],
  options: DiscoveryOptions | undefined,
): Promise<Discovery> {
  for (;;) {
    const discovery = new Discovery({ endpoints, ...options });
    await discovery.services();
    if (discovery.health().etcd.endpoint === endpoint) return discovery;
    await discovery.close();
  }
}
