import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { RowWindow } from "./row-window.ts";
import { loaded } from "./store.ts";
import { useTableKeys } from "./table-keys.ts";

/** A column of a table. */
export interface Column {
  readonly name: string;
  readonly className: string;
}

export interface WindowTableProps<Row> {
  /** What the table is of, for those who do not see it. */
  readonly label: string;
  readonly columns: readonly Column[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;

  /** One for each column. */
  readonly cells: (row: Row) => readonly ComponentChildren[];

  /** Further class names of the row. */
  readonly className?: ((row: Row) => string) | undefined;

  /** What the cells depend on beside the row. */
  readonly tick?: number | undefined;
  readonly onOpen: (row: Row) => void;

  /** Shown when there are no rows. */
  readonly empty: string;
}

/** What a row looks like depends on. */
interface RowLook<Row> {
  readonly row: Row;
  readonly index: number;
  readonly active: boolean;
  readonly tick: number | undefined;
  readonly cells: (row: Row) => readonly ComponentChildren[];
}

/** A row as it was drawn: as long as it looks the same it is not looked at again, so that scrolling costs the new rows only. */
interface MadeRow<Row> extends RowLook<Row> {
  readonly node: VNode;
}

function sameRow<Row>(one: RowLook<Row>, other: RowLook<Row>): boolean {
  return (
    one.row === other.row &&
    one.index === other.index &&
    one.active === other.active &&
    one.tick === other.tick &&
    one.cells === other.cells
  );
}

/**
 * A table of any length, of which only the rows in sight and some around them exist; the page scrolls, not
 * the table. All rows are of one height.
 */
export function WindowTable<Row>(props: WindowTableProps<Row>): VNode {
  const { label, columns, rows, keyOf, cells, className, tick, onOpen, empty } = props;
  const body = useRef<HTMLTableSectionElement>(null);
  const rowWindow = useMemo(() => new RowWindow(), []);
  useLayoutEffect(() => rowWindow.watch(body), [rowWindow]);
  useEffect(() => rowWindow.look());
  const keys = useTableKeys({
    body,
    rowWindow,
    count: rows.length,
    keyAt: (index) => {
      const row = rows[index];
      return row === undefined ? undefined : keyOf(row);
    },
    open: (index) => {
      const row = rows[index];
      if (row !== undefined) onOpen(row);
    },
  });
  const draw = (key: string, { row, index, active }: RowLook<Row>): VNode => (
    <tr
      key={`row ${key}`}
      class={`row ${className?.(row) ?? ""}`}
      aria-rowindex={index + 2}
      tabIndex={active ? 0 : -1}
      onClick={() => {
        keys.activate(key, index);
        onOpen(row);
      }}
      onFocusIn={() => keys.activate(key, index)}
    >
      {cells(row).map((cell, column) => (
        <td key={columns[column]?.name} class={columns[column]?.className}>
          {cell}
        </td>
      ))}
    </tr>
  );
  const { from, to } = rowWindow.rangeOf(rows.length);
  const { rowHeight } = rowWindow;
  const made = useRef(new Map<string, MadeRow<Row>>());
  const stillMade = new Map<string, MadeRow<Row>>();
  const drawn = rows.slice(from, to).map((row, offset) => {
    const key = keyOf(row);
    const index = from + offset;
    const wanted = { row, index, tick, cells, active: keys.isActive(key, index) };
    const before = made.current.get(key);
    const now = before && sameRow(before, wanted) ? before : { ...wanted, node: draw(key, wanted) };
    stillMade.set(key, now);
    return now.node;
  });
  made.current = stillMade;
  return (
    <>
      <table aria-label={label} aria-rowcount={rows.length + 1}>
        <thead>
          <tr aria-rowindex={1}>
            {columns.map(({ name, className }) => (
              <th key={name} scope="col" class={className}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody ref={body}>
          <tr key="above" class="spacer" aria-hidden="true" style={{ height: from * rowHeight }} />
          {drawn}
          <tr
            key="below"
            class="spacer"
            aria-hidden="true"
            style={{ height: (rows.length - to) * rowHeight }}
          />
        </tbody>
      </table>
      {rows.length === 0 && loaded.value && <p class="empty">{empty}</p>}
    </>
  );
}
