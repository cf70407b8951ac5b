import { readFileSync } from "node:fs";
import type { DiscoveryOptions } from "../discovery-options.ts";
import { environmentOptions } from "../environment.ts";
import { heedingSignals } from "./interruption.ts";
import { UsageError } from "./usage-error.ts";

/** The flags that say how etcd is reached. Each takes the place of a variable. */
export interface ConnectionFlags {
  readonly endpoints?: string | undefined;
  readonly cacert?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly servername?: string | undefined;
  readonly username?: string | undefined;

  /** `-`: standard input. */
  readonly passwordFile?: string | undefined;
  readonly prefix?: string | undefined;
  readonly api?: string | undefined;
  readonly timeout?: string | undefined;
}

const variables = {
  endpoints: "ETCD_HOSTS",
  username: "ETCD_USERNAME",
  prefix: "ETCD_PREFIX",
  api: "ETCD_API",
} as const;

const files = { cacert: "ETCD_CACERT", cert: "ETCD_TLS_CERT", key: "ETCD_TLS_KEY" } as const;

/** The options of a `Discovery` that flags and environment stand for. Throws a `UsageError`, or `INVALID_ARGUMENT` naming the variable. */
export function connectionOptions(
  flags: ConnectionFlags,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): DiscoveryOptions {
  const env: Record<string, string | undefined> = { ...environment };
  for (const [flag, variable] of Object.entries(variables)) {
    env[variable] = flags[flag as keyof typeof variables] ?? env[variable];
  }
  if (flags.api !== undefined && !/^[23]$/.test(flags.api)) {
    throw new UsageError(`--api must be 2 or 3, not "${flags.api}"`);
  }
  const inMemory = env["ETCD_TLS_INMEMORY"] === "true";
  for (const [flag, variable] of Object.entries(files)) {
    const file = flags[flag as keyof typeof files];
    if (file === undefined) continue;
    const content = readFlagFile(`--${flag}`, file);
    env[variable] = inMemory ? content.toString("base64") : file;
  }
  if (flags.passwordFile !== undefined) {
    const source = flags.passwordFile === "-" ? 0 : flags.passwordFile;
    env["ETCD_PASSWORD"] = passwordFrom("--password-file", source);
  }
  const options = environmentOptions(env);
  const { servername, timeout } = flags;
  return {
    ...options,
    tls: options.tls && servername !== undefined ? { ...options.tls, servername } : options.tls,
    // Given, so that nothing is taken from the environment behind the flags' back.
    prefix: options.prefix ?? "",
    api: options.api ?? 3,
    timeoutMs: timeout === undefined ? undefined : milliseconds("--timeout", timeout),
  };
}

/** The first line of a file, or of a descriptor. */
export function passwordFrom(flag: string, source: string | number): string {
  const [line = ""] = readFlagFile(flag, source).toString("utf8").split(/\r?\n/);
  if (line === "") throw new UsageError(`${flag}: there is no password in its first line`);
  return line;
}

/** As {@link passwordFrom}, of a token; `-` is standard input. */
export function tokenFrom(flag: string, file: string): string {
  const [line = ""] = readFlagFile(flag, file === "-" ? 0 : file)
    .toString("utf8")
    .split(/\r?\n/);
  if (line === "") throw new UsageError(`${flag}: there is no token in its first line`);
  return line;
}

/** A time such as `5s`, `500ms` or `2m`; a plain number is seconds. */
export function milliseconds(flag: string, text: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text) ?? [];
  const value = Number(number) * { ms: 1, s: 1_000, m: 60_000 }[unit as "ms" | "s" | "m"];
  if (!(value >= 0 && value < 2 ** 31)) {
    throw new UsageError(`${flag} must be a time such as 5s, 500ms or 2m, not "${text}"`);
  }
  return value;
}

function readFlagFile(flag: string, source: string | number): Buffer {
  try {
    return source === 0 ? heedingSignals(() => readFileSync(0)) : readFileSync(source);
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException;
    const name = source === 0 ? "standard input" : `"${source}"`;
    throw new UsageError(`${flag}: ${name} cannot be read (${code})`);
  }
}
