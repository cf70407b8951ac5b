import type { VNode } from "preact";
import type { Health } from "./host-health.ts";
import { visibleText } from "./visible-text.ts";

/** Text of a record: never more than text, and kept from turning what stands beside it. */
export function Text({ of }: { readonly of: string }): VNode {
  return <bdi>{visibleText(of)}</bdi>;
}

interface MarkProps {
  readonly health: Health;

  /** Shown to who points at it. Default: the words. */
  readonly more?: string | undefined;
}

/** How something is: a colour, and the words for those who do not see it. */
export function Mark({ health, more = health.words }: MarkProps): VNode {
  return (
    <span class={`mark ${health.level}`} title={visibleText(more)}>
      <i aria-hidden="true" />
      <Text of={health.words} />
    </span>
  );
}

export function Tag({ children }: { readonly children: string }): VNode {
  return <span class="tag">{children}</span>;
}
