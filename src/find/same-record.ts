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
  const left = Object.entries(a);
  const right = b as Readonly<Record<string, unknown>>;
  if (left.length !== Object.keys(right).length) return false;
  return left.every(([name, value]) => Object.hasOwn(right, name) && same(value, right[name]));
}

function isMap(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
