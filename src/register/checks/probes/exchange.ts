import { onAbort } from "../../../async/abort.ts";

/** How an exchange with a server is brought to its end, once. */
export interface Ending {
  readonly succeed: () => void;

  /** @param problem why the host is not well */
  readonly fail: (problem: unknown) => void;
}

/**
 * Makes a promise of an exchange over the network. `begin` begins it and returns what closes its
 * connection, which is done as soon as the end is known, or the signal aborts.
 */
export function exchange(
  signal: AbortSignal,
  begin: (ending: Ending) => () => void,
): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    let over = false;
    let close = () => {};
    const end = (settle: () => void) => {
      if (over) return;
      over = true;
      forget();
      settle();
      close();
    };
    const forget = onAbort(signal, () => end(() => reject(signal.reason)));
    close = begin({
      succeed: () => end(resolve),
      fail: (problem) => end(() => reject(problem)),
    });
    // It may have failed before there was anything to close.
    if (over) close();
  });
}
