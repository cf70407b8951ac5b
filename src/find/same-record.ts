/** Whether two decoded records say the same. Records are flat but for maps of strings. */
export function sameRecord<R extends object>(a: R, b: R): boolean {
  return sameFields(a, b, (left, right) =>
    isMap(left) && isMap(right) ? sameFields(left, right, Object.is) : Object.is(left, right),
  );
}

function sameFields(
  a: object,
  b: object,
  same: (left: unknown, right: unknown) => boolean,
): boolean {
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const names = Object.keys(left);
  if (names.length !== Object.keys(right).length) return false;
  return names.every((name) => Object.hasOwn(right, name) && same(left[name], right[name]));
}

function isMap(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
