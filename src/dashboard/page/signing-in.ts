import { signal, type Signal } from "@preact/signals";

/** Undefined: not known yet. */
export const signedIn: Signal<boolean | undefined> = signal(undefined);

/** Why the last attempt to sign in failed; empty: it did not. */
export const signInProblem: Signal<string> = signal("");
