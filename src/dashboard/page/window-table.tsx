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
  readonly onOpen: (row: Row) => void;

  /** Shown when there are no rows. */
  readonly empty: string;
}

/**
 * A table of any length, of which only the rows in sight and some around them exist; the page scrolls, not
 * the table. All rows are of one height.
 */
export function WindowTable<Row>(props: WindowTableProps<Row>): VNode {
  const { label, columns, rows, keyOf, cells, className, onOpen, empty } = props;
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
  const { from, to } = rowWindow.rangeOf(rows.length);
  const { rowHeight } = rowWindow;
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
          {rows.slice(from, to).map((row, offset) => {
            const key = keyOf(row);
            return (
              <tr
                key={`row ${key}`}
                class={`row ${className?.(row) ?? ""}`}
                aria-rowindex={from + offset + 2}
                tabIndex={keys.isActive(key, from + offset) ? 0 : -1}
                onClick={() => {
                  keys.activate(key, from + offset);
                  onOpen(row);
                }}
                onFocusIn={() => keys.activate(key, from + offset)}
              >
                {cells(row).map((cell, index) => (
                  <td key={columns[index]?.name} class={columns[index]?.className}>
                    {cell}
                  </td>
                ))}
              </tr>
            );
          })}
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
