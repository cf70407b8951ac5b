import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `get <service>` */
export function declareGet(root: Command, runs: Runs): void {
  root
    .command("get")
    .description("the hosts of a service")
    .argument("<service>", "its name")
    .option("--shard <shard>", "only those on this shard")
    .option("--watch", "then a line for each change, until it is interrupted")
    .option("--show-credentials", "with the service's user and password")
    .action(runs(() => import("./get.ts")));
}
