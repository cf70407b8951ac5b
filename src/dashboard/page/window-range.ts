/** Rows that are there beyond those in sight, above and below each, so that fast scrolling finds some. */
const spareRows = 20;

/** The rows move on in steps, so that not every step of a scroll makes new ones. */
const step = 10;

export interface RowRange {
  readonly from: number;

  /** Not included. */
  readonly to: number;
}

/**
 * Which rows have to be there.
 *
 * @param above how far the first row is above the upper edge of what is seen, in pixels
 * @param seen the height of what is seen, in pixels
 */
export function rowRange(count: number, rowHeight: number, above: number, seen: number): RowRange {
  const first = Math.max(0, Math.floor(above / rowHeight / step) * step - spareRows);
  const rows = Math.ceil(seen / rowHeight) + 2 * spareRows + step;
  // A list that got shorter may end above.
  const from = Math.max(0, Math.min(first, count - rows));
  return { from, to: Math.min(count, from + rows) };
}
