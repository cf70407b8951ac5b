import { abortable } from "../../async/abort.ts";
import type { Clock } from "../../async/clock.ts";
import { overdue } from "../../async/overdue.ts";
import { DiscoveryError } from "../../errors.ts";

/** How this client signs in to etcd. */
export interface User {
  readonly username: string;
  readonly password: string;
}

/** A user, or a function that is asked for one at each sign-in. */
export type UserSource = User | (() => User | Promise<User>);

/** How long a function that is asked for a user may take: it must not keep everybody from ever signing in. */
const answerMs = 10_000;

/**
 * Asks a function, which is not ours and may do anything, for a user.
 *
 * @throws DiscoveryError `UNAUTHENTICATED`
 */
export async function askForUser(source: () => User | Promise<User>, clock: Clock): Promise<User> {
  const late = new AbortController();
  const tooLate = (): void => {
    const message = `the function given as \`auth\` gave no answer within ${answerMs} ms`;
    late.abort(new DiscoveryError("UNAUTHENTICATED", message));
  };
  const cancel = overdue(clock, tooLate, answerMs);
  try {
    return await abortable(ask(source), late.signal);
  } finally {
    cancel();
  }
}

async function ask(source: () => User | Promise<User>): Promise<User> {
  let user: Partial<User> | null | undefined;
  try {
    user = await source();
  } catch (cause) {
    throw new DiscoveryError("UNAUTHENTICATED", "the function given as `auth` failed", { cause });
  }
  const { username, password } = user ?? {};
  if (typeof username !== "string" || typeof password !== "string") {
    const message = "the function given as `auth` must return { username, password }, two strings";
    throw new DiscoveryError("UNAUTHENTICATED", message);
  }
  return { username, password };
}
