import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `doctor [service...]` */
export function declareDoctor(root: Command, runs: Runs): void {
  root
    .command("doctor")
    .description("looks for what is wrong with etcd and the records, and says what to do")
    .argument(
      "[services...]",
      "looks only at the records of these, and at rights to them (default: all)",
    )
    .option(
      "--read-only",
      "this user is to find services, not to register: needs no right to write",
    )
    .option("--strict", "exit status 1 for warnings, too")
    .action(runs(() => import("./doctor.ts")));
}
