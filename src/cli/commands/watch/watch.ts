import type { CommandContext } from "../../command-context.ts";
import { follow } from "../../follow.ts";

interface WatchOptions {
  readonly existing?: boolean;
  readonly showCredentials?: boolean;
}

/** Tells of every change. */
export async function run(
  context: CommandContext,
  names: readonly string[],
  { existing = false, showCredentials = false }: WatchOptions,
): Promise<undefined> {
  context.refuseRest();
  const services = names.length === 0 ? undefined : names;
  await follow(context, { services, existing, showCredentials });
  return undefined;
}
