import { type Signal, signal } from "@preact/signals";
import type { RefObject } from "preact";
import { type RowRange, rowRange } from "./window-range.ts";

/** Until the first row was measured. */
const likelyRowHeight = 36;

/** Which rows of a table are to exist, as the page is scrolled. */
export class RowWindow {
  readonly #scrolled: Signal<{ readonly above: number; readonly seen: number }> = signal({
    above: 0,
    seen: innerHeight,
  });
  #body: RefObject<HTMLTableSectionElement> | undefined;
  #rowHeight = likelyRowHeight;
  #range: RowRange = { from: 0, to: 0 };
  #count = 0;

  /** In pixels, the same for all rows. */
  get rowHeight(): number {
    return this.#rowHeight;
  }

  /** Looks whenever the page is scrolled or has another size; returns the undo. */
  watch(body: RefObject<HTMLTableSectionElement>): () => void {
    this.#body = body;
    const look = (): void => this.look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look, { passive: true });
    look();
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }

  /** The rows that are to exist of so many. Whoever asks while rendering renders again when they are others. */
  rangeOf(count: number): RowRange {
    const { above, seen } = this.#scrolled.value;
    this.#count = count;
    this.#range = rowRange(count, this.#rowHeight, above, seen);
    return this.#range;
  }

  /** Sees where the table is now. */
  look(): void {
    const body = this.#body?.current;
    if (!body) return;
    const row = body.querySelector("tr.row");
    const height = row?.getBoundingClientRect().height ?? 0;
    const grown = height > 0 && Math.abs(height - this.#rowHeight) > 0.1;
    if (grown) this.#rowHeight = height;
    const above = Math.max(0, -body.getBoundingClientRect().top);
    const range = rowRange(this.#count, this.#rowHeight, above, innerHeight);
    const same = range.from === this.#range.from && range.to === this.#range.to;
    if (!same || grown) this.#scrolled.value = { above, seen: innerHeight };
  }

  /** Scrolls the page as little as is needed to have that row in sight. */
  reveal(index: number): void {
    const body = this.#body?.current;
    if (!body) return;
    const covered = body.parentElement?.querySelector("thead")?.getBoundingClientRect().bottom ?? 0;
    const top = body.getBoundingClientRect().top + index * this.#rowHeight;
    const bottom = top + this.#rowHeight;
    const upper = Math.max(0, Math.min(covered, innerHeight / 2));
    if (top < upper) scrollBy({ top: top - upper, behavior: "instant" });
    else if (bottom > innerHeight) scrollBy({ top: bottom - innerHeight, behavior: "instant" });
    this.look();
  }
}
