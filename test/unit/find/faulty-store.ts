import type {
  CallOptions,
  Listing,
  Selection,
  Store,
  Watch,
  WatchBatch,
  WatchEnd,
  WatchObserver,
  WatchTarget,
} from "../../../src/store/store.ts";

/** A store that reads and watches wrongly where it is told to. */
export interface FaultyStore {
  readonly store: Store;

  /** The targets of all watches so far. */
  readonly watched: readonly WatchTarget[];

  /** How often the service was read. */
  readonly reads: () => number;

  /** From now on, what is delivered in place of a batch; undefined: as it is. */
  tamper: ((batch: WatchBatch) => readonly WatchBatch[]) | undefined;

  /** From now on, what a reading answers; undefined: as it is. */
  answer: ((listing: Listing) => Listing) | undefined;

  /** Whether watches are opened from now on but never confirmed. */
  mute: boolean;

  /** Calls the observer of the newest watch. */
  readonly observer: () => WatchObserver;

  /** Ends the newest watch. */
  end(reason: WatchEnd): void;
}

export function faultyStore(inner: Store): FaultyStore {
  const watched: WatchTarget[] = [];
  let reads = 0;
  let watch: Watch | undefined;
  let observer: WatchObserver | undefined;
  const newest = (): WatchObserver => {
    if (observer === undefined) throw new Error("there is no watch");
    return observer;
  };
  const faulty: FaultyStore = {
    watched,
    reads: () => reads,
    tamper: undefined,
    mute: false,
    answer: undefined,
    observer: newest,
    end(reason) {
      watch?.close();
      newest().ended(reason, new Error(`the test ended the watch: ${reason}`));
    },
    store: {
      capabilities: inner.capabilities,
      clock: inner.clock,
      async read(service: string, selection: Selection, options: CallOptions) {
        reads += 1;
        const listing = await inner.read(service, selection, options);
        return faulty.answer?.(listing) ?? listing;
      },
      services: (options) => inner.services(options),
      write: (write, options) => inner.write(write, options),
      openSession: (options) => inner.openSession(options),
      watch(target, told) {
        watched.push(target);
        observer = told;
        if (faulty.mute) return (watch = { close() {} });
        watch = inner.watch(target, {
          established: () => told.established(),
          interrupted: (error) => told.interrupted(error),
          ended: (reason, error) => told.ended(reason, error),
          changed(batch) {
            for (const delivered of faulty.tamper?.(batch) ?? [batch]) told.changed(delivered);
          },
        });
        return watch;
      },
      status: () => inner.status(),
      close: () => inner.close(),
    },
  };
  return faulty;
}
