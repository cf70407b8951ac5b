import type { Host } from "../../../model/host.ts";
import type { CommandContext } from "../../command-context.ts";
import { follow } from "../../follow.ts";
import { hostColumns, hostValue } from "../../host-columns.ts";
import type { Columns } from "../../output.ts";

interface GetOptions {
  readonly shard?: string;
  readonly watch?: boolean;
  readonly showCredentials?: boolean;
}

const credentials: Columns<Host> = [
  ["USER", ({ user }) => user],
  ["PASSWORD", ({ password }) => password],
];

/** Shows the hosts of a service. */
export async function run(
  context: CommandContext,
  [service = ""]: readonly string[],
  { shard, watch, showCredentials = false }: GetOptions,
): Promise<undefined> {
  context.refuseRest();
  const { discovery, output, signal } = context;
  if (watch) {
    const accepts = (host: Host): boolean => shard === undefined || host.shard === shard;
    await follow(context, { services: [service], accepts, existing: true, showCredentials });
    return undefined;
  }
  const hosts = await discovery.get(service, { shard, signal }).all();
  const columns = showCredentials ? [...hostColumns, ...credentials] : hostColumns;
  output.rows(columns, hosts, (host) => hostValue(host, showCredentials));
  return undefined;
}
