import { decodeHost, encodeInfo, infoOf } from "../model/record.ts";
import type { Session } from "../store/store.ts";
import type { Entry } from "./entry.ts";
import { hostWrite, pieces, writePiece } from "./host-writes.ts";
import type { ServiceKeeper } from "./service-keeper.ts";
import { untouched, writtenInfo } from "./seen-info.ts";

/** Writes the private hosts that are due, and the service's info if there is none. */
export async function writePrivateHosts(keeper: ServiceKeeper, session: Session): Promise<void> {
  const due = keeper.due(false);
  const newcomers = due.filter((entry) => !entry.registered);
  // The info is the business of the public hosts where there are any.
  const writer = keeper.wanted(true).length === 0 ? keeper.wanted(false).at(-1) : undefined;
  const { context, service } = keeper;

  const hosts = due.map((entry) => hostWrite(entry));
  const asksForInfo =
    writer !== undefined && (keeper.info?.value === undefined || newcomers.length > 0);
  let infoWritten: Promise<void> | undefined;
  const beside = () => (asksForInfo ? (infoWritten ??= writeMissingInfo(keeper)) : undefined);
  let refused = false;
  const writes: Promise<unknown>[] = pieces(hosts, context.writeSize).map(async (piece) => {
    const { applied } = await writePiece(context, service, piece, { session, beside });
    if (applied) return;
    refused = true;
    keeper.lookAgain();
  });
  // Where it is asked for before it is written, that would hold up the hosts: so it is when some are there,
  // unless these may never be.
  const hostsFirst =
    !context.store.capabilities.atomicWrites && due.length > 0 && !due.some(isUnanswered);
  if (!hostsFirst) void beside();
  const underWay = () => (infoWritten === undefined ? writes : [...writes, infoWritten]);
  await Promise.allSettled(underWay());
  await settled(underWay());
  if (
    refused ||
    writer === undefined ||
    newcomers.length === 0 ||
    keeper.info?.record?.public !== true
  ) {
    return;
  }
  // One that only its health check keeps away for now has not left.
  if (keeper.members(true).some((entry) => entry.registered)) return;
  // Without transactions a public host of an older client, which writes the info before its own
  // record or comes back without writing it at all, could be overlooked, and its service lose the info.
  if (context.store.capabilities.atomicWrites) await replaceLeftInfo(keeper);

  async function writeMissingInfo({ context: { store, timeoutMs } }: ServiceKeeper): Promise<void> {
    if (writer === undefined) return;
    const record = infoOf(writer.record);
    const result = await store.write(
      {
        service,
        conditions: [{ record: { kind: "info" }, revision: 0 }],
        changes: [{ kind: "put-info", value: encodeInfo(record) }],
      },
      { timeoutMs },
    );
    if (result.applied) keeper.info = writtenInfo(record, result.revision);
    else keeper.see(result.current.info, result.current.revision);
  }
}

function isUnanswered({ unanswered }: Entry): boolean {
  return unanswered;
}

/**
 * Puts a private info in the place of a public one that its hosts have left behind. The condition
 * is its revision, which a public host that comes back meanwhile changes with its own record.
 */
async function replaceLeftInfo(keeper: ServiceKeeper): Promise<void> {
  const { context, service } = keeper;
  const { store, timeoutMs } = context;
  const writer = keeper.wanted(false).at(-1);
  const listing = await store.read(service, { info: true, hosts: "all" }, { timeoutMs });
  const info = keeper.see(listing.info, listing.revision);
  if (writer === undefined || info.record?.public !== true) return;
  const isPublic = ({ id, value }: { id: string; value: Uint8Array }) => {
    try {
      return decodeHost(value, service, id).public;
    } catch {
      return false;
    }
  };
  if (listing.hosts.some(isPublic)) return;
  const record = infoOf(writer.record);
  const result = await store.write(
    {
      service,
      conditions: [untouched(info)],
      changes: [{ kind: "put-info", value: encodeInfo(record) }],
    },
    { timeoutMs },
  );
  if (result.applied) keeper.info = writtenInfo(record, result.revision);
  else keeper.see(result.current.info, result.current.revision);
}

/** Waits for all of them before it fails for one, so that none is still under way. */
export async function settled(promises: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
}
