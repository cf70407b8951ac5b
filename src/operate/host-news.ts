import type { CallOptions, Store } from "../store/store.ts";
import { type HostOnStore, hostOnStore } from "./host-records.ts";
import { type WaitLimits, watchOnce } from "./watch-once.ts";

/** What was heard of a host's record. */
export type HostNews =
  | { readonly kind: "written"; readonly host: HostOnStore }
  | { readonly kind: "deleted" }
  /** Nothing. `inTouch`: and the store would have told. */
  | { readonly kind: "none"; readonly inTouch: boolean };

/** Waits for what happens to a host's record after a revision. */
export async function hostNews(
  store: Store,
  host: { readonly service: string; readonly uuid: string; readonly since: number },
  limits: WaitLimits & CallOptions,
): Promise<HostNews> {
  const { service, uuid, since } = host;
  const watched = await watchOnce(
    store,
    { service, part: { host: uuid }, from: since + 1 },
    limits,
  );
  if (watched.kind === "quiet") return { kind: "none", inTouch: watched.inTouch };
  if (watched.kind === "changed") {
    const change = watched.batch.changes.at(-1);
    if (change?.kind !== "put") return { kind: "deleted" };
    return { kind: "written", host: hostOnStore(service, change.stored) };
  }
  if (watched.reason === "refused") throw watched.error;
  // What happened since is not told any more; what there is now can be read.
  const { hosts } = await store.read(service, { info: false, hosts: [uuid] }, limits);
  const [stored] = hosts;
  if (stored === undefined) return { kind: "deleted" };
  if (stored.revision === since) return { kind: "none", inTouch: false };
  return { kind: "written", host: hostOnStore(service, stored) };
}
