import type { CommandContext } from "../../command-context.ts";

interface UrlOptions {
  readonly shard?: string;
  readonly private?: boolean;
  readonly showCredentials?: boolean;
}

/** Prints a URL of a service. */
export async function run(
  context: CommandContext,
  [service = "", scheme, path]: readonly string[],
  { shard, private: onPrivateNetwork, showCredentials }: UrlOptions,
): Promise<undefined> {
  context.refuseRest();
  const { discovery, output, signal } = context;
  const query = discovery.get(service, { shard, signal });
  const full = onPrivateNetwork
    ? await query.one().privateUrl(scheme, path)
    : await query.url(scheme, path);
  const url = showCredentials ? full : full.replace(/^([^/]*:\/\/)[^/?#]*@/, "$1");
  output.text(url, { service, url });
  if (url !== full)
    output.note("Its user and password are left out; --show-credentials puts them in.");
  return undefined;
}
