import { runChild, type Child } from "../../support/child.ts";

/** What a client is at rest: nobody comes or goes, and all has found back. */
export interface Sample {
  /** Of the heap and of memory beside it, after garbage collection. */
  readonly bytes: number;

  /** Open files and sockets, what keeps the process alive, and listeners of a signal that all were given. */
  readonly files: number;
  readonly resources: readonly string[];
  readonly listeners: number;

  /** How many registrations there are, and how many of them are registered. */
  readonly registrations: number;
  readonly registered: number;

  /** How many services are followed, and how many of them live. */
  readonly followed: number;
  readonly live: number;
  readonly resyncs: number;

  /** How much was done since the process began. */
  readonly registeredAndLeft: number;
  readonly subscribedAndLeft: number;
  readonly lookups: number;
  readonly failedLookups: number;
}

/** A process with three `Discovery` that register, follow, and look up, all the time. */
export interface SoakClient extends AsyncDisposable {
  /** Lets it come to rest and looks at it, until what is to be done meanwhile is done; then it goes on. */
  atRest(look: (sample: Sample) => Promise<void>): Promise<void>;

  /** Ends all and returns how it ended. */
  end(): Promise<Awaited<Child["exit"]>>;
}

/** How many hosts and services the client keeps all the time, on each of its `Discovery`. */
export const kept = { discoveries: 3, hosts: 10, services: 5 };

const script = `
  import { getEventListeners } from "node:events";
  import { setTimeout as sleep } from "node:timers/promises";
  import { setFlagsFromString } from "node:v8";
  import { runInNewContext } from "node:vm";
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");

  const kept = ${JSON.stringify(kept)};
  const { signal } = new AbortController();
  const discoveries = Array.from({ length: kept.discoveries }, () =>
    new Discovery({ endpoints: [process.env.ENDPOINT], ttlSeconds: 3, timeoutMs: 2_000 }),
  );
  const host = (index) => ({ hostname: "node-" + index, ports: { http: 80 }, metadata: { index: String(index) } });
  const registrations = new Set();
  const done = { registeredAndLeft: 0, subscribedAndLeft: 0, lookups: 0, failedLookups: 0 };
  const random = (below) => Math.floor(Math.random() * below);
  const anyService = () => "service-" + random(kept.services);

  for (const discovery of discoveries) {
    for (let index = 0; index < kept.hosts; index += 1) {
      registrations.add(discovery.register("service-" + (index % kept.services), host(index)));
    }
    for (let index = 0; index < kept.services; index += 1) {
      const service = "service-" + index;
      const drain = async (news) => { for await (const _ of news); };
      void drain(discovery.subscribe(service, { existing: true, signal }));
      void drain(discovery.changes(service, { signal }));
      // Nobody ever reads this one.
      discovery.subscribe(service);
    }
  }

  /** Comes, changes, and goes. */
  async function register(discovery) {
    const registration = discovery.register(anyService(), host(random(100)), { signal });
    await registration.waitRegistration({ signal: AbortSignal.timeout(3_000) }).catch(() => {});
    await Promise.race([registration.update({ weight: 1 + random(9) }).catch(() => {}), sleep(500)]);
    await registration.unregister();
    done.registeredAndLeft += 1;
  }

  async function follow(discovery) {
    // Services that nobody else follows, too.
    const service = random(2) === 0 ? anyService() : "other-" + random(50);
    const subscription = discovery.subscribe(service, { existing: true, signal });
    await subscription.waitReady({ signal: AbortSignal.timeout(1_000) }).catch(() => {});
    await Promise.race([subscription.next(), sleep(100)]);
    await subscription.return();
    done.subscribedAndLeft += 1;
  }

  async function lookUp(discovery) {
    done.lookups += 1;
    try {
      await discovery.get(anyService(), { signal }).all();
    } catch {
      done.failedLookups += 1;
    }
  }

  let working = true;
  const actor = async (act, discovery) => {
    while (working) {
      await act(discovery);
      await sleep(random(100));
    }
  };
  const work = () => {
    working = true;
    return discoveries.flatMap((discovery) =>
      [register, register, follow, follow, lookUp].map((act) => actor(act, discovery)),
    );
  };
  let actors = work();
  const rest = async () => {
    working = false;
    await Promise.all(actors);
  };
  const atHome = () => {
    const all = [...registrations];
    const services = discoveries.flatMap((discovery) => discovery.health().services);
    return {
      registrations: all.length,
      registered: all.filter(({ state }) => state === "registered").length,
      followed: services.length,
      live: services.filter(({ source }) => source === "live").length,
      resyncs: services.reduce((sum, { resyncs }) => sum + resyncs, 0),
    };
  };
  const files = () => fs.existsSync("/proc/self/fd") ? fs.readdirSync("/proc/self/fd").length : 0;
  let fewest = Infinity;
  say("ready");
  for (;;) {
    const word = await told();
    await rest();
    if (word === "end") break;
    for (let looks = 0; looks < 300; looks += 1) {
      const { registrations, registered, followed, live } = atHome();
      if (registered === registrations && live === followed) break;
      await sleep(100);
    }
    // The connections of lookups that went to any member are kept for five seconds.
    for (let looks = 0; looks < 70 && files() > fewest; looks += 1) await sleep(100);
    fewest = Math.min(fewest, files());
    for (let pass = 0; pass < 5; pass += 1) {
      gc();
      await sleep(20);
    }
    const { heapUsed, external } = process.memoryUsage();
    say({
      bytes: heapUsed + external,
      files: files(),
      resources: process.getActiveResourcesInfo(),
      listeners: getEventListeners(signal, "abort").length,
      ...atHome(),
      ...done,
    });
    await told();
    actors = work();
  }
  await Promise.all(discoveries.map((discovery) => discovery.close()));
`;

/** Starts a client of the etcd at this endpoint. */
export async function soakClient(endpoint: string): Promise<SoakClient> {
  const child = await runChild(script, { env: { ENDPOINT: endpoint } });
  await child.heard((said) => said === "ready");
  let samples = 0;
  return {
    async atRest(look) {
      samples += 1;
      child.tell("rest");
      await child.heard(() => child.said.length > samples, 120_000);
      await look(child.said.at(-1) as Sample);
      child.tell("go on");
    },
    end() {
      child.tell("end");
      return child.exit;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}
