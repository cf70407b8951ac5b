import { silentLogger } from "../../src/logger.ts";
import type { ConnectionOptions } from "../../src/discovery-options.ts";
import { WatchRecorder } from "../../src/testing/store-contract/watch-recorder.ts";
import { Reporter } from "../../src/reporter.ts";
import { openStore } from "../../src/store/open-store.ts";
import type {
  CallOptions,
  Change,
  Listing,
  Session,
  Store,
  WatchTarget,
  Write,
} from "../../src/store/store.ts";

/** Options of a call that is expected to succeed. */
export const patiently: CallOptions = { timeoutMs: 10_000 };

/** A store on etcd v3 that is closed when its block is left. */
export function etcd3Store(
  endpoints: readonly string[],
  options: Partial<ConnectionOptions> = {},
): Store & AsyncDisposable {
  const connection = {
    endpoints,
    tls: undefined,
    auth: undefined,
    prefix: "",
    api: 3,
    logger: silentLogger,
    ...options,
  } as const;
  const store = openStore(connection, new Reporter());
  return Object.assign(store, { [Symbol.asyncDispose]: () => store.close() });
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export const putInfo = (value: string): Change => ({ kind: "put-info", value: bytes(value) });

export const putHost = (id: string, value: string, session: Session): Change => ({
  kind: "put-host",
  id,
  value: bytes(value),
  session,
});

export const write = (service: string, ...changes: Change[]): Write => ({
  service,
  conditions: [],
  changes,
});

export const read = (
  store: Store,
  service: string,
  options: CallOptions = patiently,
): Promise<Listing> => store.read(service, { info: true, hosts: "all" }, options);

/** The hosts of a listing as `id=value`. */
export const hostsOf = ({ hosts }: Listing): string[] =>
  hosts.map(({ id, value }) => `${id}=${new TextDecoder().decode(value)}`);

/** Writes down what a watch tells. */
export function follow(store: Store, target: WatchTarget): WatchRecorder {
  const recorder = new WatchRecorder();
  recorder.follow(store.watch(target, recorder));
  return recorder;
}
