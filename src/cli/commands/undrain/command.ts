import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `undrain <service> <host>` */
export function declareUndrain(root: Command, runs: Runs): void {
  root
    .command("undrain")
    .description("take back the order to drain, so that a host gets work again")
    .argument("<service>", "its service")
    .argument("<host>", "its uuid, the beginning of that, or a hostname that only it has")
    .action(runs(() => import("./undrain.ts")));
}
