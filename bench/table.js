// @ts-check

/**
 * A line of the table.
 *
 * @typedef {object} Row
 * @property {string} measure
 * @property {string} [unit] default: none, a count
 * @property {number} ours
 * @property {number} [peer] NaN if it failed
 * @property {string} [peerName] default: etcd3
 * @property {number} [bare]
 * @property {readonly Goal[]} goals
 */

/**
 * What ours should be: a number, or a number of times what another needs.
 *
 * @typedef {object} Goal
 * @property {"≤" | "≥"} sign
 * @property {number} limit
 * @property {"peer" | "bare" | undefined} than
 */

/**
 * @param {number} limit
 * @param {"peer" | "bare"} [than]
 * @returns {Goal}
 */
export function atMost(limit, than) {
  return { sign: "≤", limit, than };
}

/**
 * @param {number} limit
 * @param {"peer" | "bare"} [than]
 * @returns {Goal}
 */
export function atLeast(limit, than) {
  return { sign: "≥", limit, than };
}

const heads = ["measure", "ours", "target", "peer", "bare", "ratio", "met?"];

/**
 * The rows as a table in Markdown, which is readable in a terminal, too.
 *
 * @param {readonly Row[]} rows
 */
export function table(rows) {
  const lines = [heads, ...rows.map((row) => cells(row))];
  const widths = heads.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  const rule = widths.map((width) => "-".repeat(width));
  return [lines[0], rule, ...lines.slice(1)]
    .map((line) => `| ${line?.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`)
    .join("\n");
}

/**
 * Whether a row reaches all of its goals.
 *
 * @param {Row} row
 */
export function isMet(row) {
  return row.goals.every((goal) => {
    const { sign, limit } = goal;
    const value = goal.than === undefined ? row.ours : ratio(row, goal.than);
    // A peer that cannot do it at all is no measure.
    if (goal.than !== undefined && Number.isNaN(row[goal.than])) return true;
    return sign === "≤" ? value <= limit : value >= limit;
  });
}

/** @param {Row} row */
function cells(row) {
  const { measure, unit, ours, peer, bare, goals } = row;
  const others = /** @type {const} */ (["bare", "peer"]).filter(
    (than) => row[than] !== undefined && !Number.isNaN(row[than]),
  );
  return [
    measure,
    quantity(ours, unit),
    goals.map((goal) => target(goal, row)).join("; ") || "–",
    peer === undefined ? "–" : quantity(peer, unit),
    bare === undefined ? "–" : quantity(bare, unit),
    others.map((than) => `${digits(ratio(row, than))} × ${nameOf(than, row)}`).join("; ") || "–",
    goals.length === 0 ? "–" : isMet(row) ? "yes" : "NO",
  ];
}

/**
 * @param {Row} row
 * @param {"peer" | "bare"} than
 */
function ratio(row, than) {
  const other = row[than] ?? Number.NaN;
  // Nothing is as little as nothing.
  return row.ours === other ? 1 : row.ours / other;
}

/**
 * @param {Goal} goal
 * @param {Row} row
 */
function target({ sign, limit, than }, row) {
  return than === undefined
    ? `${sign} ${quantity(limit, row.unit)}`
    : `${sign} ${digits(limit)} × ${nameOf(than, row)}`;
}

/**
 * @param {"peer" | "bare"} than
 * @param {Row} row
 */
function nameOf(than, { peerName = "etcd3" }) {
  return than === "peer" ? peerName : "bare";
}

/**
 * @param {number} value
 * @param {string | undefined} unit
 */
function quantity(value, unit) {
  if (Number.isNaN(value)) return "failed";
  return unit === undefined ? digits(value) : `${digits(value)} ${unit}`;
}

/**
 * Three significant digits, or all of a whole number.
 *
 * @param {number} value
 */
function digits(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}
