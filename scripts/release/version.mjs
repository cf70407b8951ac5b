/** The parts of a version: numbers, and what follows a hyphen. */
function parts(version) {
  const match =
    /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/.exec(
      version,
    );
  if (match === null) return undefined;
  return { numbers: match.slice(1, 4).map(Number), pre: match[4]?.split(".") };
}

/** Throws unless it is one, such as 0.2.0 or 1.0.0-rc.1. */
export function assertVersion(version) {
  if (parts(version) === undefined) {
    throw new Error(`"${version}" is no version; it is one such as 0.2.0 or 1.0.0-rc.1`);
  }
}

/** Below 0 if the first comes before the other, by the rules of Semantic Versioning. */
function compare(one, other) {
  const [a, b] = [parts(one), parts(other)];
  for (const index of [0, 1, 2]) {
    const difference = a.numbers[index] - b.numbers[index];
    if (difference !== 0) return difference;
  }
  if (a.pre === undefined || b.pre === undefined)
    return Number(b.pre !== undefined) - Number(a.pre !== undefined);
  for (const [index, left] of a.pre.entries()) {
    const right = b.pre[index];
    if (right === undefined) return 1;
    if (left === right) continue;
    const [isNumber, isOther] = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (isNumber && isOther) return Number(left) - Number(right);
    if (isNumber !== isOther) return isNumber ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return a.pre.length - b.pre.length;
}

/** Throws unless a version is newer than all that have a tag, and no older than the one in package.json. */
export function assertNewer(version, tags, current) {
  if (tags.includes(`v${version}`)) throw new Error(`there is a tag v${version} already`);
  const released = tags.map((tag) => tag.slice(1)).filter((each) => parts(each) !== undefined);
  const newest = released.toSorted(compare).at(-1);
  if (newest !== undefined && compare(version, newest) < 0) {
    throw new Error(`${version} is older than v${newest}, which has a tag`);
  }
  // The first version is in package.json before it is made.
  if (compare(version, current) < 0) {
    throw new Error(`${version} is older than ${current} of package.json`);
  }
}
