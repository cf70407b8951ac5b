import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { RowWindow } from "./row-window.ts";

interface Table {
  readonly body: RefObject<HTMLTableSectionElement>;
  readonly rowWindow: RowWindow;
  readonly count: number;
  readonly keyAt: (index: number) => string | undefined;
  readonly open: (index: number) => void;
}

/** The row that keys act on: by its key, or by where it was once it is gone. */
interface Active {
  readonly key: string;
  readonly index: number;
}

export interface TableKeys {
  isActive(key: string, index: number): boolean;
  activate(key: string, index: number): void;
}

/** Moves the focus from row to row by the keyboard, also to rows that do not exist yet, and keeps it when they go. */
export function useTableKeys(table: Table): TableKeys {
  const active: Signal<Active> = useSignal({ key: "", index: 0 });
  const latest = useRef(table);
  latest.current = table;
  const focused = useRef(false);

  useEffect(() => {
    const onKey = (event: KeyboardEvent): void => {
      const index = target(event, latest.current, active.peek(), focused.current);
      if (index === undefined) return;
      event.preventDefault();
      if (event.key === "Enter") return latest.current.open(index);
      focused.current = true;
      moveTo(latest.current, active, index);
    };
    const onFocus = (event: Event): void => {
      focused.current = isIn(latest.current, event.target);
    };
    document.addEventListener("keydown", onKey);
    document.addEventListener("focusin", onFocus);
    document.addEventListener("pointerdown", onFocus);
    return () => {
      document.removeEventListener("keydown", onKey);
      document.removeEventListener("focusin", onFocus);
      document.removeEventListener("pointerdown", onFocus);
    };
  }, [active]);

  useLayoutEffect(() => {
    // A row that went, or that is out of sight now, has taken the focus along.
    if (!focused.current || document.activeElement !== document.body) return;
    rowAt(table, indexOf(table, active.peek()))?.focus({ preventScroll: true });
  });

  const { key: activeKey, index: activeIndex } = active.value;
  const there = indexOfKey(table, activeKey, activeIndex) !== -1;
  return {
    isActive: (key, index) => (there ? key === activeKey : index === clamp(table, activeIndex)),
    activate: (key, index) => {
      const { key: before, index: was } = active.peek();
      if (before !== key || was !== index) active.value = { key, index };
    },
  };
}

/** The row that a key leads to; undefined: it is not meant for the table. */
function target(
  event: KeyboardEvent,
  table: Table,
  active: Active,
  focused: boolean,
): number | undefined {
  const { ctrlKey, metaKey, altKey, key, target: from } = event;
  if (ctrlKey || metaKey || altKey || table.count === 0) return undefined;
  if (from instanceof Element && from.closest("dialog, select, textarea")) return undefined;
  const searching = from instanceof HTMLInputElement;
  if (searching && key !== "ArrowDown") return undefined;
  if (searching) return 0;
  const index = indexOf(table, active);
  const onRow = isIn(table, from) || (focused && from === document.body);
  const page = Math.max(1, Math.floor(innerHeight / table.rowWindow.rowHeight) - 3);
  switch (key) {
    case "ArrowDown":
      return clamp(table, onRow ? index + 1 : index);
    case "ArrowUp":
      return clamp(table, index - 1);
    case "PageDown":
      return clamp(table, index + page);
    case "PageUp":
      return clamp(table, index - page);
    case "Home":
      return 0;
    case "End":
      return table.count - 1;
    case "Enter":
      return onRow ? index : undefined;
    default:
      return undefined;
  }
}

function moveTo(table: Table, active: Signal<Active>, index: number): void {
  const key = table.keyAt(index);
  if (key === undefined) return;
  active.value = { key, index };
  table.rowWindow.reveal(index);
  const row = rowAt(table, index);
  if (row !== null) return row.focus({ preventScroll: true });
  // Keys that are pressed before the row has been made are meant for it, too.
  if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
  requestAnimationFrame(() => rowAt(table, index)?.focus({ preventScroll: true }));
}

function indexOf(table: Table, { key, index }: Active): number {
  const found = indexOfKey(table, key, index);
  return found === -1 ? clamp(table, index) : found;
}

/** Where it was it mostly is. */
function indexOfKey({ keyAt, count }: Table, key: string, index: number): number {
  if (keyAt(index) === key) return index;
  for (let each = 0; each < count; each += 1) if (keyAt(each) === key) return each;
  return -1;
}

function clamp({ count }: Table, index: number): number {
  return Math.max(0, Math.min(count - 1, index));
}

function rowAt({ body }: Table, index: number): HTMLElement | null {
  return body.current?.querySelector<HTMLElement>(`tr[aria-rowindex="${index + 2}"]`) ?? null;
}

function isIn({ body }: Table, target: EventTarget | null): boolean {
  return target instanceof Node && body.current?.contains(target) === true;
}
