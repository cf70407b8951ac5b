import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `drain <service> <host>` */
export function declareDrain(root: Command, runs: Runs): void {
  root
    .command("drain")
    .description("order a host to take no new work, which undrain takes back")
    .argument("<service>", "its service")
    .argument("<host>", "its uuid, the beginning of that, or a hostname that only it has")
    .option("--wait [time]", "until the host has left, such as 90s (default: 5m)")
    .action(runs(() => import("./drain.ts")));
}
