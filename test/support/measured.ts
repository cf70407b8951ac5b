import { appendFileSync } from "node:fs";

/** Keeps what was measured, where the variable `MEASURED` names a file for that: a line each. */
export function measured(what: string, milliseconds: number): void {
  const file = process.env["MEASURED"];
  if (file !== undefined) appendFileSync(file, `${Math.round(milliseconds)} ms\t${what}\n`);
}
