import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `services` */
export function declareServices(root: Command, runs: Runs): void {
  root
    .command("services")
    .description("all services, and how many hosts each has")
    .option("--alive", "only those that have a host")
    .action(runs(() => import("./services.ts")));
}
