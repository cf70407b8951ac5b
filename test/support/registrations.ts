import { lostTime } from "./lost-time.ts";
import type { Registration, RegistrationState } from "../../src/index.ts";

/** Resolves when a registration is, or has come, to this state. */
export function reached(registration: Registration, state: RegistrationState): Promise<void> {
  return new Promise((resolve) => {
    if (registration.state === state) {
      resolve();
      return;
    }
    const off = registration.on("state", (now) => {
      if (now !== state) return;
      off();
      resolve();
    });
  });
}

/** All states that a registration goes through from now on. */
export function statesOf(registration: Registration): readonly RegistrationState[] {
  const states: RegistrationState[] = [];
  registration.on("state", (state) => states.push(state));
  return states;
}

/** How many milliseconds it takes until a promise is settled, less those in which this process was not let run. */
export async function durationOf(promise: Promise<unknown>): Promise<number> {
  const lostMs = lostTime();
  const startedAt = performance.now();
  await promise.catch(() => {});
  return performance.now() - startedAt - lostMs();
}
