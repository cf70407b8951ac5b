import type { Command } from "commander";
import type { Runs } from "../../program.ts";

/** `ui` */
export function declareUi(root: Command, runs: Runs): void {
  root
    .command("ui")
    .description("a dashboard of all services in the browser, kept live, until it is interrupted")
    .option("--port <port>", "where to listen; 0 is any that is free (default: 7379)")
    .option(
      "--host <address>",
      "the address to listen on (default: 127.0.0.1); any but loopback asks for a token",
    )
    .option(
      "--allow-host <name>",
      "a name, with or without a port, by which it is reached through a proxy, which asks for a token; may be repeated",
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .option(
      "--token-file <file>",
      "its first line is the token to ask for (default: off loopback, or with --allow-host, one that is printed); - is standard input",
    )
    .option("--target-scheme <name>", "the port that /http_sd tells (default: http, else https)")
    .option("--target-private", "/http_sd tells hosts by their private hostnames and ports")
    .option(
      "--target-label <name>",
      "metadata that /http_sd makes a label; may be repeated",
      (name: string, before: readonly string[]) => [...before, name],
      [],
    )
    .addHelpText(
      "after",
      "\nPrometheus scrapes /metrics, and finds the hosts of all services by /http_sd.",
    )
    .action(runs(() => import("./ui.ts")));
}
