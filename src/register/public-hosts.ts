import { encodeInfo, infoOf, type InfoRecord } from "../model/record.ts";
import type { Condition, Listing, Session, WriteResult } from "../store/store.ts";
import type { Credentials } from "./credentials.ts";
import type { Entry } from "./entry.ts";
import { type HostWrite, hostWrite, pieces, revisionOf, writePiece } from "./host-writes.ts";
import { settled } from "./private-hosts.ts";
import { type SeenInfo, serves, unchanged, untouched, writtenInfo } from "./seen-info.ts";
import type { ServiceKeeper } from "./service-keeper.ts";

/** Credentials that a host's owner wants for the whole service, until they are written or given up. */
export interface Rotation {
  readonly entry: Entry;
  readonly credentials: Credentials;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;

  /** Nobody waits for it any more. */
  over: boolean;
}

/** An info to be written, and what must be true for that. */
interface InfoWrite {
  readonly conditions: readonly Condition[];
  readonly record: InfoRecord | undefined;
}

/** Writes the public hosts that are due, and the service's info with them where that is their business. */
export async function writePublicHosts(keeper: ServiceKeeper, session: Session): Promise<void> {
  if (keeper.wanted(true).length === 0 || keeper.unsettled) return;
  const announcer = keeper.due(true).findLast((entry) => !entry.registered && entry.announces);
  if (announcer !== undefined) keeper.adopt(announcer.record, announcer);
  else if (keeper.info === undefined) await look(keeper);

  const due = keeper.due(true);
  const info = infoWrite(keeper, due, announcer);
  if (due.length === 0 && info.record === undefined) return;
  await writeAll(
    keeper,
    session,
    due.map((entry) => hostWrite(entry)),
    info,
  );
}

/** Writes new credentials to the info and all own public hosts. Returns false if somebody else was first. */
export async function rotate(
  keeper: ServiceKeeper,
  session: Session,
  { entry, credentials, resolve }: Rotation,
): Promise<boolean> {
  if (!entry.registered || entry.ending) return entry.ending;
  const info = keeper.info ?? (await look(keeper));
  const news = keeper.wanted(true).find((host) => host.registered && host.infoDirty);
  const { user, password } = credentials;
  let base: InfoRecord;
  if (news === undefined && serves(info, undefined, [entry])) base = info.record;
  else {
    // One that is not on the store writes no info of its own.
    const author = news ?? (entry.withheld ? keeper.wanted(true)[0] : entry);
    if (author === undefined) {
      keeper.adopt(credentials, entry);
      resolve();
      return true;
    }
    base = infoOf(author.record);
  }
  const hosts = keeper
    .wanted(true)
    .filter((host) => host.registered)
    .map((host) => hostWrite(host, { ...host.record, user, password }));
  const record = { ...base, user, password };
  if (!(await writeAll(keeper, session, hosts, { conditions: [unchanged(info)], record }))) {
    return false;
  }
  keeper.adopt(credentials, entry);
  for (const host of hosts) host.entry.settle(host.value);
  resolve();
  return true;
}

async function look(keeper: ServiceKeeper): Promise<SeenInfo> {
  const { store, timeoutMs } = keeper.context;
  const listing = await store.read(keeper.service, { info: true, hosts: [] }, { timeoutMs });
  return keeper.see(listing.info, listing.revision);
}

function infoWrite(
  keeper: ServiceKeeper,
  due: readonly Entry[],
  announcer: Entry | undefined,
): InfoWrite {
  // The newest credentials win, whatever is there.
  if (announcer !== undefined) return { conditions: [], record: infoOf(announcer.record) };
  const { info, credentials } = keeper;
  if (info === undefined) return { conditions: [], record: undefined };
  const news = due.find((entry) => !entry.registered || entry.infoDirty);
  if (!serves(info, credentials, keeper.wanted(true))) {
    const author = news ?? keeper.wanted(true)[0];
    const record = author && { ...infoOf(author.record), ...credentials };
    return { conditions: [untouched(info)], record };
  }
  const conditions = [unchanged(info)];
  if (news !== undefined) return { conditions, record: infoOf(news.record) };
  // A repair touches the info, so that a private host that finds no public one left cannot replace it meanwhile.
  if (due.some((entry) => entry.missing)) return { conditions, record: info.record };
  return { conditions, record: undefined };
}

/** Returns false if somebody else was first, and another try makes sense once that has settled. */
async function writeAll(
  keeper: ServiceKeeper,
  session: Session,
  hosts: readonly HostWrite[],
  { conditions, record }: InfoWrite,
): Promise<boolean> {
  const { context, service } = keeper;
  const [first = [], ...rest] = pieces(hosts, context.writeSize);
  const info = record && encodeInfo(record);
  const news = hosts.filter(({ entry }) => entry.infoDirty);
  // What is updated from here on, by whoever is told that this one is registered say, is for the next.
  for (const { entry } of news) entry.infoDirty = false;
  keeper.writingInfo = info !== undefined;
  let result: WriteResult | undefined;
  try {
    result = await writePiece(context, service, first, { session, conditions, info });
  } finally {
    keeper.writingInfo = false;
    if (result?.applied !== true) for (const { entry } of news) entry.infoDirty = true;
  }
  if (!result.applied) {
    overtaken(keeper, first, conditions, result.current);
    return false;
  }
  if (record !== undefined) {
    keeper.info = writtenInfo(record, revisionOf(result, -1));
    // All of them: whoever was not the newest has taken the newest credentials already.
    for (const { entry } of hosts) entry.announces = false;
  }
  const later = keeper.info === undefined ? [] : [unchanged(keeper.info)];
  let applied = true;
  await settled(
    rest.map(async (piece) => {
      const outcome = await writePiece(context, service, piece, { session, conditions: later });
      if (outcome.applied) return;
      applied = false;
      overtaken(keeper, piece, later, outcome.current);
    }),
  );
  return applied;
}

/** Somebody else was first, with the info or with one of these hosts. */
function overtaken(
  keeper: ServiceKeeper,
  hosts: readonly HostWrite[],
  ofInfo: readonly Condition[],
  current: Listing,
): void {
  const revisions = new Map(current.hosts.map(({ id, revision }) => [id, revision]));
  // Where changes are made one by one, no condition is on the hosts.
  const { atomicWrites } = keeper.context.store.capabilities;
  const known = ({ entry: { uuid, stored } }: HostWrite): boolean =>
    !atomicWrites || stored === undefined || revisions.get(uuid) === stored.revision;
  if (ofInfo.length > 0 && hosts.every(known)) keeper.settle(current.info, current.revision);
  else keeper.lookAgain();
}
