import type { Command } from "commander";
import type { Runs } from "../../program.ts";

const notes = `
The service's password comes from SERVICE_PASSWORD, or from a file; never from an argument, as all users
of a machine see those.

With a command after --, its exit status is that of the command; 125 if it was not begun, 126 if it cannot
be run, 127 if it is not found. On SIGTERM, SIGINT or SIGQUIT the host is unregistered first, then the
command gets the same signal, and SIGKILL if it is still there after --grace; a second signal skips what is
waited for.

Examples:
  etcd-discovery register api --hostname 10.0.0.7 --port http=8080 --check /health -- ./server --port 8080
  etcd-discovery register redis --port redis=6379 --check tcp --drain 5s -- redis-server
  etcd-discovery register printer --hostname printer.internal --port ipp=631`;

/** `register <service> [-- command args…]` */
export function declareRegister(root: Command, runs: Runs): void {
  root
    .command("register")
    .description("keep a host registered while a command runs, or until it is interrupted")
    .usage("<service> [options] [-- command args...]")
    .argument("<service>", "its name")
    .option("--hostname <name>", "where the host is (default: $HOSTNAME, else the machine's name)")
    .option("--port <scheme=number>", "such as http=8080; again for each further one", collected)
    .option("--private-hostname <name>", "on the private network, if that is another name")
    .option("--private-port <scheme=number>", "on the private network, if it differs", collected)
    .option("--public", "it can be reached from outside the private network")
    .option("--critical", "others cannot do without the service")
    .option("--shard <shard>", "a label that lookups can be limited to")
    .option("--weight <number>", "its share of the work relative to other hosts (default: 1)")
    .option("--metadata <key=value>", "what others should know; again for each", collected)
    .option("--user <name>", "the user that clients of the service sign in with")
    .option(
      "--service-password-file <file>",
      "its first line is the service's password; - is standard input",
    )
    .option(
      "--check <what>",
      "registered only while this is well: http://, https://, tcp:// or grpc:// and where; a path; tcp; grpc",
    )
    .option("--check-interval <time>", "from one check to the next (default: 2s)")
    .option("--check-timeout <time>", "how long one check may take (default: 1s)")
    .option("--check-fall <number>", "withdrawn after so many failures in a row (default: 3)")
    .option("--check-rise <number>", "back after so many successes in a row (default: 2)")
    .option(
      "--ttl <time>",
      "how long the record outlives this process if it is killed (default: 5s)",
    )
    .option(
      "--drain <time>",
      "mark it as draining, and wait, before it is unregistered (default: 0)",
    )
    .option("--grace <time>", "from the signal to SIGKILL (default: 6s)")
    .option(
      "--foreground",
      "leave the command in this terminal's foreground, for what reads /dev/tty",
    )
    .option("--pass-etcd-environment", "leave etcd's credentials in the command's environment")
    .addHelpText("after", notes)
    .action(runs(() => import("./register.ts")));
}

function collected(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
