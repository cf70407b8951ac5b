import { abortable } from "../async/abort.ts";
import type { Clock } from "../async/clock.ts";
import { DiscoveryError } from "../errors.ts";
import type {
  CallOptions,
  Listing,
  ReadOptions,
  Selection,
  Session,
  Store,
  StoreCapabilities,
  StoreStatus,
  Watch,
  WatchObserver,
  WatchTarget,
  Write,
  WriteResult,
} from "./store.ts";

/**
 * A store whose driver is loaded when it is first used, so that those who never use it do not pay
 * for it. What is asked of it reaches the driver in the order in which it was asked for.
 */
export class DeferredStore implements Store {
  readonly clock: Clock;
  readonly capabilities: StoreCapabilities;
  readonly #load: () => Promise<Store>;
  #loading: Promise<Store> | undefined;
  #loaded: Store | undefined;
  #closing: Promise<void> | undefined;

  /** @param load called once, if at all */
  constructor(clock: Clock, capabilities: StoreCapabilities, load: () => Promise<Store>) {
    this.clock = clock;
    this.capabilities = capabilities;
    this.#load = load;
  }

  read(service: string, selection: Selection, options: ReadOptions): Promise<Listing> {
    return this.#call(options, (store) => store.read(service, selection, options));
  }

  services(options: ReadOptions & { readonly alive: boolean }): Promise<string[]> {
    return this.#call(options, (store) => store.services(options));
  }

  write(write: Write, options: CallOptions): Promise<WriteResult> {
    return this.#call(options, (store) => store.write(write, options));
  }

  openSession(options: CallOptions & { readonly ttlSeconds: number }): Promise<Session> {
    return this.#call(options, (store) => store.openSession(options));
  }

  watch(target: WatchTarget, observer: WatchObserver): Watch {
    if (this.#closing !== undefined) return { close() {} };
    let watch: Watch | undefined;
    let closed = false;
    void this.#store().then((store) => {
      if (!closed) watch = store.watch(target, observer);
    });
    return {
      close() {
        closed = true;
        watch?.close();
      },
    };
  }

  status(): StoreStatus {
    if (this.#loaded !== undefined) return this.#loaded.status();
    return { endpoint: undefined, failure: undefined, answeredAt: undefined, revision: 0 };
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const store = await this.#loading;
    await store?.close();
  }

  async #call<T>({ signal }: CallOptions, work: (store: Store) => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) {
      throw new DiscoveryError("CLOSED", "the store was closed");
    }
    return abortable(this.#store().then(work), signal);
  }

  #store(): Promise<Store> {
    this.#loading ??= this.#load().then((store) => (this.#loaded = store));
    return this.#loading;
  }
}
