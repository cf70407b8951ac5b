import { Discovery, type HostOptions, type Registration } from "../../../src/index.ts";
import { type HostOnStore, hostOnStore, readHosts } from "../../../src/operate/host-records.ts";
import type { CallOptions, Store } from "../../../src/store/store.ts";
import {
  type ManualClock,
  manualClock,
  type MemoryStore,
  memoryStore,
} from "../../../src/testing/index.ts";

export const service = "api";
export const call: CallOptions = { timeoutMs: 1_000 };

export const publicHost = (hostname = "public-domain.dev"): HostOptions => ({
  hostname,
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "first-secret",
});

/** A memory store whose clock stands still, and those who register there. */
export interface OperateStage extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly store: MemoryStore;

  /** Lets time pass until it has settled. */
  readonly settled: <T>(promise: Promise<T>) => Promise<T>;

  /** Registers a host from a client of its own. */
  readonly register: (hostname?: string, store?: Store) => Promise<Registration>;

  /** A host as an operator finds it. */
  readonly find: (uuid: string) => Promise<HostOnStore>;
}

export function operateStage(): OperateStage {
  const clock = manualClock();
  const store = memoryStore({ clock });
  const open: Discovery[] = [];
  const settled = async <T>(promise: Promise<T>): Promise<T> => {
    let over = false;
    const end = (): void => {
      over = true;
    };
    promise.then(end, end);
    for (let tenths = 0; !over && tenths < 600; tenths += 1) await clock.advance(100);
    if (!over) throw new Error("it has not settled within a minute");
    return promise;
  };
  return {
    clock,
    store,
    settled,
    async register(hostname, way = store.connect()) {
      const discovery = new Discovery({ store: way });
      open.push(discovery);
      const registration = discovery.register(service, publicHost(hostname));
      await settled(registration.waitRegistration());
      return registration;
    },
    async find(uuid) {
      const hosts = await readHosts(store, service, call);
      const host = hosts.find((each) => each.uuid === uuid);
      if (host === undefined) throw new Error(`there is no host ${uuid}`);
      return host;
    },
    async [Symbol.asyncDispose]() {
      await settled(Promise.all(open.map((discovery) => discovery.close())));
    },
  };
}

/** A way to a store on which something happens right before each write, given how many there were before. */
export function beforeWrites(store: Store, happen: (writes: number) => unknown): Store {
  let writes = 0;
  return new Proxy(store, {
    get(target, name) {
      if (name === "write") {
        return async (...args: Parameters<Store["write"]>) => {
          await happen(writes++);
          return target.write(...args);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A host's record with this text, which nobody keeps. */
export function byHand(uuid: string, text: string): HostOnStore {
  return hostOnStore(service, { id: uuid, revision: 1, value: new TextEncoder().encode(text) });
}
