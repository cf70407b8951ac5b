import { constants } from "node:os";
import { refuse, shown } from "./model/refuse.ts";

/** What is closed when the process is told to end. */
interface Closable {
  close(): Promise<void>;
}

const closables = new Map<NodeJS.Signals, Set<Closable>>();

/**
 * Closes `closable` on any of these signals and lets the process end by that signal afterwards, so
 * that its exit status is the signal's. All that is closed on one signal is closed together, and
 * before it is raised again; where somebody else listens for it, ending the process is up to them.
 * A second signal ends the process at once. Returns its undo.
 */
export function closeOn(closable: Closable, signals: readonly NodeJS.Signals[]): () => void {
  for (const signal of signals) assertCatchable(signal);
  for (const signal of signals) {
    const known = closables.get(signal);
    if (known === undefined) {
      process.on(signal, onSignal);
      closables.set(signal, new Set([closable]));
    } else known.add(closable);
  }
  return () => {
    for (const signal of signals) {
      const known = closables.get(signal);
      known?.delete(closable);
      if (known?.size === 0) forget(signal);
    }
  };
}

function assertCatchable(signal: unknown): void {
  const known = typeof signal === "string" && Object.hasOwn(constants.signals, signal);
  if (!known) refuse("signals", `must be names such as "SIGTERM", not ${shown(signal)}`);
  if (signal === "SIGKILL" || signal === "SIGSTOP") {
    refuse("signals", `${signal} cannot be caught by any process; use "SIGTERM"`);
  }
}

function onSignal(signal: NodeJS.Signals): void {
  const closing = [...(closables.get(signal) ?? [])].map((closable) => closable.close());
  forget(signal);
  void Promise.allSettled(closing).then(() => {
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  });
}

function forget(signal: NodeJS.Signals): void {
  closables.delete(signal);
  process.off(signal, onSignal);
}
