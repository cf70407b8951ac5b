import { computed, type ReadonlySignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import type { WireLogEntry } from "../wire.ts";
import { entryLevel, entryReason, entryWords } from "./entry-words.ts";
import { wordsOf } from "./filter.ts";
import { PlaceLink } from "./place-link.tsx";
import { go, place } from "./navigation.ts";
import { all, now, slowNow } from "./store.ts";
import { Mark, Text } from "./text.tsx";
import { type Column, WindowTable } from "./window-table.tsx";
import { timeWords } from "./words.ts";

/** As many as a high screen has room for. */
const mostRecent = 40;

const columns: readonly Column[] = [
  { name: "Time", className: "time" },
  { name: "Host", className: "main" },
  { name: "Service", className: "service wide" },
  { name: "What", className: "what wide" },
  { name: "Shard", className: "shard wide" },
];

const shownLog: ReadonlySignal<readonly WireLogEntry[]> = computed(() => {
  const { query, service } = place.value;
  const words = wordsOf(query);
  return all.value.known.log.filter((entry) => {
    if (service !== "" && entry.service !== service) return false;
    const text = `${entry.service} ${entry.name} ${entry.key} ${entryWords(entry)}`.toLowerCase();
    return words.every((word) => text.includes(word));
  });
});

/** Everything that happened, as far back as is known, the newest first. */
export function LogTable(): VNode {
  return (
    <WindowTable
      label="What happened to hosts, the newest first"
      columns={columns}
      rows={shownLog.value}
      keyOf={({ n }) => String(n)}
      cells={cells}
      onOpen={({ key }) => go({ host: key })}
      empty="Nothing has happened since the dashboard looks, or nothing that passes the filter."
    />
  );
}

/** What happened last, beside the table where there is room. */
export function RecentLog(): VNode {
  const recent = shownLog.value.slice(0, mostRecent);
  return (
    <aside aria-label="What happened last">
      <h2>
        <PlaceLink to={{ view: "log" }}>Log</PlaceLink>
      </h2>
      {recent.length === 0 && <p class="empty">Nothing has happened yet.</p>}
      <ol>
        {recent.map((entry) => (
          <li key={entry.n}>
            <time>{timeWords(entry.at, slowNow.value)}</time>
            <PlaceLink to={{ host: entry.key }}>
              <Text of={entry.name} />
            </PlaceLink>
            <span class="service">
              <Text of={entry.service} />
            </span>
            <What entry={entry} />
          </li>
        ))}
      </ol>
    </aside>
  );
}

function What({ entry }: { readonly entry: WireLogEntry }): VNode {
  const health = { level: entryLevel(entry), words: entryWords(entry) };
  return <Mark health={health} more={entryReason(entry)} />;
}

function cells(entry: WireLogEntry): readonly ComponentChildren[] {
  return [
    <time>{timeWords(entry.at, now.peek())}</time>,
    <>
      <PlaceLink to={{ host: entry.key }} inRow>
        <Text of={entry.name} />
      </PlaceLink>
      <span class="sub">
        <Text of={entry.service} /> · <What entry={entry} />
      </span>
    </>,
    <Text of={entry.service} />,
    <What entry={entry} />,
    <Text of={entry.shard ?? ""} />,
  ];
}
