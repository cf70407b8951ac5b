import { AsyncLocalStorage, createHook } from "node:async_hooks";

/** What can keep the process alive: a timer, a socket, a pipe, a port. */
interface Holder {
  hasRef(): boolean;
}

const canHold = (resource: object): resource is Holder =>
  "hasRef" in resource && typeof resource.hasRef === "function";

/**
 * Watches what `body`, and whatever it sets going, makes that can keep the process alive. (What
 * the whole process holds says little: test runners have timers of their own.)
 */
export class ProcessHolders {
  readonly #scope = new AsyncLocalStorage<true>();
  readonly #holders = new Map<number, { readonly type: string; readonly holder: Holder }>();
  readonly #hook = createHook({
    init: (id, type, _trigger, resource) => {
      if (this.#scope.getStore() === undefined || !canHold(resource)) return;
      this.#holders.set(id, { type, holder: resource });
    },
    destroy: (id) => void this.#holders.delete(id),
  });

  during<T>(body: () => T): T {
    this.#hook.enable();
    return this.#scope.run(true, body);
  }

  /** The kinds of those that keep the process alive now. */
  now(): string[] {
    const holders = [...this.#holders.values()];
    return holders.filter(({ holder }) => holder.hasRef()).map(({ type }) => type);
  }

  stop(): void {
    this.#hook.disable();
  }
}
