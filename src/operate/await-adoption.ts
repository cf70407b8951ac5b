import { delay } from "../async/abort.ts";
import { decodeInfo } from "../model/record.ts";
import type { CallOptions, Listing, Store } from "../store/store.ts";
import { type HostOnStore, hostOnStore } from "./host-records.ts";
import { patiently } from "./patiently.ts";
import type { ServiceCredentials } from "./rotation-base.ts";
import { type WaitLimits, watchOnce } from "./watch-once.ts";

/** How far credentials have come. */
export interface Adoption {
  /** The public hosts that have them, and those that have others. */
  readonly adopted: readonly HostOnStore[];
  readonly pending: readonly HostOnStore[];

  /** The info has other credentials: somebody else has changed them since. */
  readonly superseded: boolean;
}

/** However many hosts write their records at once, all are read no more often than this. */
const pauseMs = 100;

/**
 * Waits until all public hosts of a service have these credentials, or somebody else has changed them, or
 * the time is up; through outages of the store.
 */
export async function awaitAdoption(
  store: Store,
  service: string,
  credentials: ServiceCredentials,
  limits: WaitLimits & CallOptions,
): Promise<Adoption> {
  const { clock } = store;
  const { signal, withinMs } = limits;
  const deadline = clock.now() + withinMs;
  for (;;) {
    const listing = await patiently(clock, { deadline, signal }, () =>
      store.read(service, { info: true, hosts: "all" }, limits),
    );
    const adoption = adoptionIn(listing, service, credentials);
    const left = deadline - clock.now();
    if (adoption.superseded || adoption.pending.length === 0 || left <= 0) return adoption;
    const target = { service, part: "all", from: listing.revision + 1 } as const;
    const watched = await watchOnce(store, target, { signal, withinMs: left });
    if (watched.kind === "ended" && watched.reason === "refused") throw watched.error;
    await delay(clock, Math.min(pauseMs, Math.max(0, deadline - clock.now())), signal);
  }
}

function adoptionIn(
  listing: Listing,
  service: string,
  { password, user }: ServiceCredentials,
): Adoption {
  const adopted: HostOnStore[] = [];
  const pending: HostOnStore[] = [];
  for (const stored of listing.hosts) {
    const host = hostOnStore(service, stored);
    if (host.record?.public !== true) continue;
    const same = host.record.user === user && host.record.password === password;
    (same ? adopted : pending).push(host);
  }
  return { adopted, pending, superseded: hasOthers(listing, service, { password, user }) };
}

/** An info that is gone, or cannot be read, is put right by the hosts, with the credentials that they know. */
function hasOthers(
  { info }: Listing,
  service: string,
  { password, user }: ServiceCredentials,
): boolean {
  if (info === undefined) return false;
  try {
    const record = decodeInfo(info.value, service);
    return record.public && (record.user !== user || record.password !== password);
  } catch {
    return false;
  }
}
