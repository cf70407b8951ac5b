/** A whole number from 0 to 2³² - 1, another one for nearly every text, and well spread for texts that are much alike. */
export function hash(text: string, seed = 0): number {
  let state = (0x811c9dc5 ^ seed) | 0;
  for (let index = 0; index < text.length; index += 1) {
    state = Math.imul(state ^ text.charCodeAt(index), 0x01000193);
  }
  return mixed(state);
}

/** Spreads a number over all 32 bits, each of which comes to depend on each (the end of MurmurHash3). */
export function mixed(number: number): number {
  let bits = number ^ (number >>> 16);
  bits = Math.imul(bits, 0x85ebca6b);
  bits ^= bits >>> 13;
  bits = Math.imul(bits, 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
