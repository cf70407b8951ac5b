import { readFileSync } from "node:fs";
import { Command } from "commander";
import { CommandContext, type GlobalFlags } from "./command-context.ts";
import { declareDeregister } from "./commands/deregister/command.ts";
import { declareDrain } from "./commands/drain/command.ts";
import { declareGet } from "./commands/get/command.ts";
import { declareRegister } from "./commands/register/command.ts";
import { declareRotate } from "./commands/rotate/command.ts";
import { declareServices } from "./commands/services/command.ts";
import { declareUndrain } from "./commands/undrain/command.ts";
import { declareUrl } from "./commands/url/command.ts";
import { declareWatch } from "./commands/watch/command.ts";
import type { ExitStatus } from "./exit-codes.ts";
import type { Interruption } from "./interruption.ts";
import type { Output, OutputFlags } from "./output.ts";

/** What runs the commands. */
export interface Surroundings {
  readonly signal: AbortSignal;
  readonly takeSignals: Interruption["handOver"];
  readonly rest: readonly string[] | undefined;

  /** The flags are known. */
  readonly began: (flags: OutputFlags) => Output;
  readonly opened: (context: CommandContext) => void;

  /** A command has ended, and the process is to end like this. */
  readonly ended: (status: ExitStatus) => void;
}

/** A command's work. Returns how the process is to end, 0 by default. */
export type Run<O> = (
  context: CommandContext,
  args: readonly string[],
  options: O,
) => Promise<ExitStatus | undefined>;

/** Makes the action of a command of what loads its work, so that a command loads no more than it needs. */
export type Runs = (
  load: () => Promise<{ readonly run: Run<never> }>,
) => (...args: unknown[]) => Promise<void>;

const examples = `
Examples:
  etcd-discovery services
  etcd-discovery get my-service --watch
  curl "$(etcd-discovery url my-service http /health)"
  etcd-discovery register my-service --hostname 10.0.0.7 --port http=8080 -- ./server

Where etcd is, and how it is reached, is taken from the flags, else from the environment: ETCD_HOSTS,
ETCD_CACERT, ETCD_TLS_CERT, ETCD_TLS_KEY, ETCD_USERNAME, ETCD_PASSWORD, ETCD_PREFIX, ETCD_API.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 not allowed, 5 etcd cannot be reached;
register with a command ends as that does.`;

/** The whole command line. */
export function program(surroundings: Surroundings): Command {
  const root = new Command("etcd-discovery")
    .description("Service discovery on etcd: what is registered, and everything to operate it.")
    .version(packageVersion())
    .option(
      "--endpoints <urls>",
      "where etcd listens, comma separated (default: http://localhost:2379)",
    )
    .option("--cacert <file>", "whom to trust to have signed etcd's certificate (PEM)")
    .option("--cert <file>", "our certificate, where etcd asks for one (PEM)")
    .option("--key <file>", "our private key (PEM)")
    .option("--servername <name>", "the name that etcd's certificate must bear")
    .option(
      "--username <name>",
      "the user of etcd; the password comes from ETCD_PASSWORD or a file",
    )
    .option(
      "--password-file <file>",
      "its first line is the password of etcd's user; - is standard input",
    )
    .option("--prefix <prefix>", "goes before every key, such as /prod")
    .option("--api <2|3>", "the API of etcd that the records are kept by (default: 3)")
    .option("--timeout <time>", "how long one call may take, such as 500ms or 10s (default: 5s)")
    .option("--json", "JSON, one object a line; the default unless it goes to a terminal")
    .option("--no-json", "tables, also when it does not go to a terminal")
    .option("--color", "colours, also when it does not go to a terminal")
    .option("--no-color", "no colours; so does a NO_COLOR that is not empty")
    .option("--debug", "tell on standard error what happens, and where errors come from")
    .addHelpText("after", examples)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(--help lists what there is)")
    .exitOverride();
  const runs: Runs =
    (load) =>
    async (...args) => {
      const command = args.at(-1) as Command;
      const flags = command.optsWithGlobals<GlobalFlags>();
      const output = surroundings.began(flags);
      const { rest, signal, takeSignals } = surroundings;
      const context = new CommandContext(flags, { output, rest, signal, takeSignals });
      surroundings.opened(context);
      const { run } = await load();
      surroundings.ended((await run(context, command.args, command.opts())) ?? 0);
    };
  for (const declare of [
    declareServices,
    declareGet,
    declareUrl,
    declareWatch,
    declareRegister,
    declareDrain,
    declareUndrain,
    declareDeregister,
    declareRotate,
  ]) {
    declare(root, runs);
  }
  return root;
}

function packageVersion(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
