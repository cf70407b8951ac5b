import type { Host } from "../model/host.ts";

/** The items in random order, each drawn only when it is asked for. */
export function* inRandomOrder<T>(items: readonly T[], random: () => number): Generator<T> {
  const rest = [...items];
  while (rest.length > 0) {
    yield* rest.splice(Math.floor(random() * rest.length), 1);
  }
}

/** The same hosts, those that are about to leave after all others. */
export function* drainingLast(hosts: Iterable<Host>): Generator<Host> {
  const draining: Host[] = [];
  for (const host of hosts) {
    if (host.draining) draining.push(host);
    else yield host;
  }
  yield* draining;
}
