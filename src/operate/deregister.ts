import { DiscoveryError } from "../errors.ts";
import { quote } from "../model/refuse.ts";
import type { CallOptions, Store } from "../store/store.ts";
import { hostNews } from "./host-news.ts";
import type { HostOnStore } from "./host-records.ts";

/**
 * What became of a record that was to be deleted:
 *
 * - `deleted`: it is gone, and stayed so;
 * - `unseen`: it was deleted, and then the store could not be reached, so that it may be back;
 * - `back`: its owner has put it back;
 * - `absent`: it was gone before.
 */
export type Removal = "deleted" | "unseen" | "back" | "absent";

export interface DeregisterOptions extends CallOptions {
  /** How long an owner has to put it back, in milliseconds. */
  readonly backMs: number;
}

/** How often a record that is written all the time is tried. */
const mostTries = 20;

/** Deletes a host's record, as it was last read, and sees whether it stays away. */
export async function deregister(
  store: Store,
  { service, uuid, ...host }: HostOnStore,
  options: DeregisterOptions,
): Promise<Removal> {
  let { revision } = host;
  for (let tries = 0; tries < mostTries; tries += 1) {
    const result = await store.write(
      {
        service,
        conditions: [{ record: { kind: "host", id: uuid }, revision }],
        changes: [{ kind: "delete-host", id: uuid }],
      },
      options,
    );
    if (result.applied) {
      const since = result.revision;
      const wait = { ...options, withinMs: options.backMs };
      const news = await hostNews(store, { service, uuid, since }, wait);
      if (news.kind === "written") return "back";
      return news.kind === "none" && !news.inTouch ? "unseen" : "deleted";
    }
    const [current] = result.current.hosts;
    if (current === undefined) return "absent";
    // Its uuid says who it is, whatever else was changed.
    ({ revision } = current);
  }
  const message = `the record of host ${quote(uuid)} of service ${quote(service)} was changed again and again; try again`;
  throw new DiscoveryError("UNAVAILABLE", message);
}
