import { DiscoveryError } from "../errors.ts";
import { quote } from "../model/refuse.ts";
import type { CallOptions, Store } from "../store/store.ts";
import { hostNews } from "./host-news.ts";
import { type HostOnStore, hostOnStore } from "./host-records.ts";
import { markedRecord } from "./marked-record.ts";

/**
 * What came of an order:
 *
 * - `unchanged`: the record said so before;
 * - `confirmed`: its owner has written it again as ordered;
 * - `unconfirmed`: it is on the store, and nothing was heard of an owner;
 * - `refused`: its owner has taken it back, twice;
 * - `gone`: the host has left.
 */
export type OrderOutcome = "unchanged" | "confirmed" | "unconfirmed" | "refused" | "gone";

export interface OrderOptions extends CallOptions {
  /** How long an owner is waited for, in milliseconds. */
  readonly confirmMs: number;
}

/** How often a record that others write all the time is tried. */
const mostTries = 20;

/** An owner may have been about to write; twice in a row is no accident. */
const mostRefusals = 2;

/**
 * Orders a host to drain, or not to any longer: by a write that changes nothing else of its record, which
 * its owner recognises. Rejects with `MALFORMED_RECORD` if it cannot be read.
 */
export async function orderDraining(
  store: Store,
  first: HostOnStore,
  draining: boolean,
  options: OrderOptions,
): Promise<OrderOutcome> {
  const { service, uuid } = first;
  let host = first;
  let refusals = 0;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const { record, revision, value } = host;
    if (record === undefined) {
      const message = `the record of host ${quote(uuid)} of service ${quote(service)} cannot be read`;
      throw new DiscoveryError("MALFORMED_RECORD", message);
    }
    if (record.draining === draining) return "unchanged";
    const marked = markedRecord(value, record, draining);
    const result = await store.write(
      {
        service,
        conditions: [{ record: { kind: "host", id: uuid }, revision }],
        changes: [{ kind: "replace-host", id: uuid, value: marked }],
      },
      options,
    );
    if (!result.applied) {
      const [current] = result.current.hosts;
      if (current === undefined) return "gone";
      host = hostOnStore(service, current);
      continue;
    }
    const news = await hostNews(
      store,
      { service, uuid, since: result.revision },
      { ...options, withinMs: options.confirmMs },
    );
    if (news.kind === "none") return "unconfirmed";
    if (news.kind === "deleted") return "gone";
    if (news.host.record?.draining === draining) return "confirmed";
    refusals += 1;
    if (refusals === mostRefusals) return "refused";
    host = news.host;
  }
  const message = `the record of host ${quote(uuid)} of service ${quote(service)} was changed again and again; try again`;
  throw new DiscoveryError("UNAVAILABLE", message);
}
