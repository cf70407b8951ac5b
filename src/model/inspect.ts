/** Node's contract for objects that say themselves how they are shown. */
type CustomInspect = (
  this: object,
  depth: number,
  options: object,
  inspect: (value: unknown, options: object) => string,
) => string;

/**
 * Makes `util.inspect`, and with it `console.log` and the diffs of tests, show the own properties of
 * a class's instances and nothing else: with `showHidden` and `getters` it would read a getter of the
 * prototype too.
 */
export function showOwnPropertiesOnly(name: string, prototype: object): void {
  const inspect: CustomInspect = function (depth, options, inspect) {
    if (depth < 0) return `[${name}]`;
    const shown = Object.entries(this).map(([key, value]: [string, unknown]) => [
      key,
      typeof value === "object" ? { ...value } : value,
    ]);
    return `${name} ${inspect(Object.fromEntries(shown), options)}`;
  };
  Object.defineProperty(prototype, Symbol.for("nodejs.util.inspect.custom"), { value: inspect });
}
