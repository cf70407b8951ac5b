import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `deregister <service> <host>` */
export function declareDeregister(root: Command, runs: Runs): void {
  root
    .command("deregister")
    .description("delete the record of a host that nobody keeps, also one that cannot be read")
    .argument("<service>", "its service")
    .argument("<host>", "its uuid, the beginning of that, or a hostname that only it has")
    .option("--yes", "without asking")
    .action(runs(() => import("./deregister.ts")));
}
