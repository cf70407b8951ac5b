import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `watch [service...]` */
export function declareWatch(root: Command, runs: Runs): void {
  root
    .command("watch")
    .description("a line for each host that comes, changes or goes, until it is interrupted")
    .argument("[services...]", "their names (default: all)")
    .option("--existing", "first those that are there")
    .option("--show-credentials", "with the services' users and passwords")
    .action(runs(() => import("./watch.ts")));
}
