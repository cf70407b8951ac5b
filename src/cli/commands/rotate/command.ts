import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `rotate <service>` */
export function declareRotate(root: Command, runs: Runs): void {
  root
    .command("rotate")
    .description("give a service new credentials, which its public hosts take over")
    .argument("<service>", "its name")
    .option("--output <file>", "where to write them, as JSON, readable by you alone")
    .option("--force", "also where there is such a file already")
    .option("--show-credentials", "print them")
    .option("--user <name>", "another user (default: as it is)")
    .option(
      "--new-password-file <file>",
      "its first line is the new password; - is standard input (default: 32 random bytes)",
    )
    .option("--wait <time>", "how long its hosts have to take them over (default: 10s)")
    .action(runs(() => import("./rotate.ts")));
}
