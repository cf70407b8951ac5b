import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `url <service> [scheme] [path]` */
export function declareUrl(root: Command, runs: Runs): void {
  root
    .command("url")
    .description("a URL of a service")
    .argument("<service>", "its name")
    .argument("[scheme]", "the name of a port (default: http, else https)")
    .argument("[path]", "such as /health")
    .option("--shard <shard>", "of a host on this shard")
    .option("--private", "on the private network")
    .option("--show-credentials", "with the service's user and password in it")
    .action(runs(() => import("./url.ts")));
}
