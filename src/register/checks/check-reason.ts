import { inspect } from "node:util";
import type { HostRecord } from "../../model/record.ts";
import { kindOf } from "../../model/refuse.ts";

/** What a message says of a failure at most, in characters. */
const longest = 300;

/** A password that is shorter may be found anywhere in a text. */
const shortest = 4;

/**
 * What was thrown as a message says it, on one line: it may come from anywhere, so that the password
 * of the host is taken out of it, and then what was thrown is no `cause` that could be printed either.
 */
export function reasonOf(
  thrown: unknown,
  record: Pick<HostRecord, "user" | "password">,
): { readonly reason: string; readonly cause: unknown } {
  const text = textOf(thrown);
  const secrets = secretsOf(record);
  let masked = text;
  for (const secret of secrets) masked = masked.replaceAll(secret, "***");
  const safe = masked.replaceAll(/\s+/g, " ").trim();
  return {
    reason: safe.length > longest ? `${safe.slice(0, longest)}…` : safe,
    cause: masked === text && !shows(thrown, secrets) ? thrown : undefined,
  };
}

/** Whether a secret can be seen anywhere in what was thrown, such as in the headers of the request that failed. */
function shows(thrown: unknown, secrets: readonly string[]): boolean {
  if (secrets.length === 0) return false;
  try {
    const shown = inspect(thrown, { depth: 8, showHidden: true, maxStringLength: 100_000 });
    // As a string with quotes or line breaks in it is shown, too.
    return secrets.some(
      (secret) => shown.includes(secret) || shown.includes(inspect(secret).slice(1, -1)),
    );
  } catch {
    return true;
  }
}

function textOf(thrown: unknown): string {
  try {
    if (!(thrown instanceof Error)) return told(thrown);
    const { cause } = thrown;
    // Such as `fetch failed`, which alone says nothing.
    return cause === undefined ? told(thrown) : `${told(thrown)}: ${told(cause)}`;
  } catch {
    return "it threw what cannot be told";
  }
}

function told(thrown: unknown): string {
  if (typeof thrown === "string") return thrown;
  if (!(thrown instanceof Error)) return `it threw ${kindOf(thrown)}`;
  const { code, message, name }: NodeJS.ErrnoException = thrown;
  // Of several addresses none of which could be reached there is a code only.
  const text: unknown = message || (code ?? name);
  return typeof text === "string" ? text : kindOf(text);
}

function secretsOf({ user, password }: Pick<HostRecord, "user" | "password">): string[] {
  if (password.length < shortest) return [];
  const basic = Buffer.from(`${user}:${password}`).toString("base64");
  return [basic, password, encodeURIComponent(password)];
}
