import type { HostOptions } from "../../../model/host-options.ts";
import { passwordFrom } from "../../connection-flags.ts";
import { UsageError } from "../../usage-error.ts";
import type { RegisterFlags } from "./register-flags.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The host that flags, and `SERVICE_PASSWORD`, stand for. Throws a `UsageError`; what is in the fields is checked by whoever registers it. */
export function hostFromFlags(
  flags: RegisterFlags,
  environment: Environment = process.env,
): HostOptions {
  const { critical, hostname, privateHostname, shard, user, weight } = flags;
  return {
    hostname,
    ports: pairs("--port", "http=8080", flags.port),
    privateHostname,
    privatePorts: pairs("--private-port", "http=8080", flags.privatePort),
    public: flags.public,
    critical,
    shard,
    user,
    password: servicePassword(flags, environment),
    weight: weight === undefined ? undefined : numberFrom("--weight", weight),
    metadata: pairs("--metadata", "version=1.4.2", flags.metadata),
  };
}

/** A flag's number. Throws a `UsageError`. */
export function numberFrom(flag: string, text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text))
    throw new UsageError(`${flag} must be a number, not "${text}"`);
  return Number(text);
}

function pairs(
  flag: string,
  example: string,
  given: readonly string[] | undefined,
): Record<string, string> | undefined {
  if (given === undefined) return undefined;
  const found = new Map<string, string>();
  for (const text of given) {
    const at = text.indexOf("=");
    if (at < 1) throw new UsageError(`${flag} must be such as ${example}, not "${text}"`);
    const name = text.slice(0, at);
    if (found.has(name)) throw new UsageError(`${flag}: "${name}" is given twice`);
    found.set(name, text.slice(at + 1));
  }
  return Object.fromEntries(found);
}

/**
 * The variable counts beside a user only, as the credentials of a public host become those of all others.
 * A user alone is refused for the same reason: more likely the secret was not there than not wanted.
 */
function servicePassword(
  { servicePasswordFile: file, user }: RegisterFlags,
  environment: Environment,
): string | undefined {
  if (file !== undefined) return passwordFrom("--service-password-file", file === "-" ? 0 : file);
  if (user === undefined) return undefined;
  const password = environment["SERVICE_PASSWORD"];
  if (password) return password;
  throw new UsageError(
    "--user goes with a password: give it in SERVICE_PASSWORD or by --service-password-file",
  );
}
