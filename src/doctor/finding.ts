/** How bad something is: nothing to do, worth a look, or wrong. */
export type Level = "ok" | "warning" | "problem";

/** What a check has come to see. */
export interface Sight {
  readonly level: Level;

  /** The endpoint, key, service or host it was seen at; left out where it is about all of it. */
  readonly where?: string | undefined;

  /** In words; never a password, nor what is in a record that cannot be read. */
  readonly seen: string;

  /** What to do about it. */
  readonly remedy?: string | undefined;
}

/** One line of a doctor's report. */
export interface Finding extends Sight {
  /** The name of the check, which stays the same, such as `latency`. */
  readonly check: string;

  /** What was looked at, for people. */
  readonly title: string;
}

/** One thing that is looked at. It does no I/O: all that it knows are facts that were gathered before. */
export interface Check<F> {
  readonly name: string;
  readonly title: string;

  /** Says something also where all is well. */
  readonly look: (facts: F) => readonly Sight[];
}

/** Nothing is wrong. */
export function fine(seen: string, where?: string): Sight {
  return { level: "ok", where, seen };
}

/** May be wrong, or will be. */
export function warning(seen: string, more: Pick<Sight, "where" | "remedy"> = {}): Sight {
  return { level: "warning", seen, ...more };
}

/** Is wrong. */
export function problem(seen: string, more: Pick<Sight, "where" | "remedy"> = {}): Sight {
  return { level: "problem", seen, ...more };
}

/** Could not be looked at, which is not to pass for being well. */
export function notChecked(why: string, where?: string): Sight {
  return { level: "warning", where, seen: `not checked: ${why}` };
}

/** How many of the same kind are told one by one. */
const mostTold = 20;

/** What was seen, or the first of it and how much more there is. */
export function limited(sights: readonly Sight[]): readonly Sight[] {
  if (sights.length <= mostTold) return sights;
  const more = sights.slice(mostTold);
  const level = more.some((sight) => sight.level === "problem") ? "problem" : "warning";
  return [...sights.slice(0, mostTold), { level, seen: `and ${more.length} more like these` }];
}

/** Carries out checks; one that fails, by a fault of its own, says so and stops no other. */
export function examine<F>(checks: readonly Check<F>[], facts: F): Finding[] {
  return checks.flatMap(({ name, title, look }) => {
    let sights: readonly Sight[];
    try {
      sights = look(facts);
    } catch (error) {
      sights = [notChecked(`the check itself failed: ${(error as Error).message}`)];
    }
    return sights.map((sight) => ({ check: name, title, ...sight }));
  });
}

/** The findings of checks for which there are no facts. */
export function unexamined(
  checks: readonly Pick<Check<never>, "name" | "title">[],
  why: string,
): Finding[] {
  return checks.map(({ name, title }) => ({ check: name, title, ...notChecked(why) }));
}
