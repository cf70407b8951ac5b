import type { ComponentChildren, VNode } from "preact";
import { PlaceLink } from "./place-link.tsx";
import { go } from "./navigation.ts";
import { shownServices, type ShownService } from "./selection.ts";
import { slowNow } from "./store.ts";
import { Mark, Tag, Text } from "./text.tsx";
import { entryWords } from "./entry-words.ts";
import { type Column, WindowTable } from "./window-table.tsx";
import { countWords, spanWords } from "./words.ts";

const columns: readonly Column[] = [
  { name: "Service", className: "main" },
  { name: "State", className: "state" },
  { name: "Hosts", className: "number" },
  { name: "Shards", className: "shards wide" },
  { name: "Last change", className: "change wide" },
];

export function ServiceTable(): VNode {
  return (
    <WindowTable
      label="Services, those with faults first"
      columns={columns}
      rows={shownServices.value}
      keyOf={({ summary }) => summary.service.name}
      cells={cells}
      className={({ summary }) => summary.health.level}
      onOpen={({ summary }) => go(placeOf(summary.service.name))}
      empty="No service is here, or none that passes the filter."
    />
  );
}

function placeOf(service: string): { view: "hosts"; service: string; shard: string } {
  return { view: "hosts", service, shard: "" };
}

function cells({ summary, passing }: ShownService): readonly ComponentChildren[] {
  const { service, hosts, critical, shards, lastEntry, health } = summary;
  const count = passing === hosts ? `${hosts}` : `${passing} of ${hosts}`;
  return [
    <>
      <PlaceLink to={placeOf(service.name)} inRow>
        <Text of={service.name} />
      </PlaceLink>
      {critical && <Tag>critical</Tag>}
      {service.public && <Tag>public</Tag>}
      {service.stale && <Tag>not live</Tag>}
      <span class="sub">
        <Mark health={health} /> ·{" "}
        {passing === hosts ? countWords(hosts, "host") : `${count} hosts`}
      </span>
    </>,
    <Mark health={health} />,
    count,
    <Text of={shards.join(", ")} />,
    lastEntry && (
      <>
        <Text of={entryWords(lastEntry)} /> {spanWords(slowNow.value - lastEntry.at)} ago
      </>
    ),
  ];
}
