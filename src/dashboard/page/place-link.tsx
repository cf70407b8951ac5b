import type { ComponentChildren, VNode } from "preact";
import type { Place } from "./place.ts";
import { go, linkTo } from "./navigation.ts";

interface PlaceLinkProps {
  readonly to: Partial<Place>;
  readonly current?: boolean | undefined;

  /** Not reached by Tab: its row is. */
  readonly inRow?: boolean | undefined;
  readonly children: ComponentChildren;
}

/** A link to another place of the page, which can be opened in another tab, too. */
export function PlaceLink({ to, current, inRow, children }: PlaceLinkProps): VNode {
  const follow = (event: MouseEvent): void => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) {
      event.stopPropagation();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    go(to);
  };
  return (
    <a
      href={linkTo(to)}
      onClick={follow}
      aria-current={current === true ? "page" : undefined}
      tabIndex={inRow === true ? -1 : undefined}
    >
      {children}
    </a>
  );
}
