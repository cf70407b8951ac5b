import { quote, refuse } from "./refuse.ts";

/** Every name of a bag of options, so that the compiler sees to it that none is left out. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/**
 * Refuses what can only be meant for another option, as `endpoint` for `endpoints`: compilers say so
 * to users of TypeScript, and nobody else would hear of it. Returns the other names that are not
 * known; an object may well carry more than is asked of it.
 */
export function assertOptionNames<T extends object>(
  options: T,
  known: OptionNames<NoInfer<T>>,
): string[] {
  const given = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [name],
  );
  const strange = given.filter((name) => !Object.hasOwn(known, name));
  if (strange.length === 0) return strange;
  const free = Object.keys(known).filter((name) => !given.includes(name));
  for (const name of strange) {
    const meant = free.find((other) => isSlip(name, other));
    if (meant !== undefined) refuse(name, `is not known; did you mean ${meant}?`);
  }
  return strange;
}

/** One sentence for a log about a name that {@link assertOptionNames} let pass. */
export function strangeOption(name: string): string {
  return `option ${quote(name)} is not known, and has no effect`;
}

/** The fewest letters that are telling as the beginning of a name, and as all of it but for a mistake. */
const fewest = { beginning: 4, mistaken: 6 };

/** Whether a name is another one, or the beginning of it, in other letter case, or with a letter or two out of place. */
function isSlip(name: string, meant: string): boolean {
  const [one, other] = [bare(name), bare(meant)];
  if (one.length >= fewest.beginning && other.startsWith(one)) return true;
  return one.length >= fewest.mistaken && mistakes(one, other) <= Math.ceil(one.length / 8);
}

/** What is left of a name whatever its style. */
function bare(name: string): string {
  return name.replaceAll(/[-_]/g, "").toLowerCase();
}

/** How many letters were left out, put in, replaced, or changed places with the next. */
function mistakes(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const replaced = (last[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      const swapped = one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      next.push(
        Math.min(
          replaced,
          (last[j] ?? 0) + 1,
          (next[j - 1] ?? 0) + 1,
          swapped ? (before[j - 2] ?? 0) + 1 : Infinity,
        ),
      );
    }
    [before, last] = [last, next];
  }
  return last[other.length] ?? 0;
}
