import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Discovery, DiagnosticsChannels } from "../../src/index.ts";

/** What is published on the diagnostics channels from now on. */
export interface Heard extends Disposable {
  /** What was told on a channel of this `Discovery`, the oldest first. */
  on<Name extends keyof DiagnosticsChannels>(
    channel: Name,
    discovery: Discovery,
  ): DiagnosticsChannels[Name][];

  /** All of it, by the channels' names, whosever it is. */
  readonly all: readonly { readonly channel: string; readonly event: unknown }[];
}

const names: Readonly<Record<keyof DiagnosticsChannels, true>> = {
  "etcd-discovery:malformed-record": true,
  "etcd-discovery:rpc": true,
  "etcd-discovery:registration": true,
  "etcd-discovery:lease": true,
  "etcd-discovery:resync": true,
  "etcd-discovery:drift": true,
  "etcd-discovery:ejection": true,
};

export function hear(): Heard {
  const all: { readonly channel: string; readonly event: unknown }[] = [];
  const take = (event: unknown, channel: string | symbol): void => {
    all.push({ channel: String(channel), event });
  };
  for (const name of Object.keys(names)) subscribe(name, take);
  return {
    all,
    on: (channel, discovery) =>
      all
        .filter((heard) => heard.channel === channel)
        .map(({ event }) => event as DiagnosticsChannels[typeof channel])
        .filter((event) => (event as { discovery?: string }).discovery === discovery.id),
    [Symbol.dispose]() {
      for (const name of Object.keys(names)) unsubscribe(name, take);
    },
  };
}
