import type { CallOptions, Store } from "../store/store.ts";
import { hostNews } from "./host-news.ts";
import { patiently } from "./patiently.ts";
import type { WaitLimits } from "./watch-once.ts";

/** A record that was lost, and not taken off, is back within this time. */
const backMs = 2_000;

/** Waits until a host has left, through outages of the store; false if it is there when the time is up. */
export async function awaitGone(
  store: Store,
  { service, uuid }: { readonly service: string; readonly uuid: string },
  limits: WaitLimits & CallOptions,
): Promise<boolean> {
  const { clock } = store;
  const deadline = clock.now() + limits.withinMs;
  const gone = async (): Promise<boolean> => {
    const selection = { info: false, hosts: [uuid] } as const;
    const { hosts, revision } = await store.read(service, selection, limits);
    const withinMs = hosts.length === 0 ? backMs : Math.max(0, deadline - clock.now());
    const wait = { ...limits, withinMs };
    const news = await hostNews(store, { service, uuid, since: revision }, wait);
    return hosts.length === 0 && news.kind !== "written";
  };
  do {
    if (await patiently(clock, { deadline, signal: limits.signal }, gone)) return true;
  } while (clock.now() < deadline);
  return false;
}
