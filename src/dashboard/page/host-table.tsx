import type { ComponentChildren, VNode } from "preact";
import type { WireHost } from "../wire.ts";
import { nameOf } from "./filter.ts";
import { hostHealth } from "./host-health.ts";
import { PlaceLink } from "./place-link.tsx";
import { go, place } from "./navigation.ts";
import { shownHosts, summaries } from "./selection.ts";
import { slowNow, watchingSince } from "./store.ts";
import { Mark, Tag, Text } from "./text.tsx";
import { type Column, WindowTable } from "./window-table.tsx";
import { addressesOf, ageWords, countWords } from "./words.ts";

const hostColumns: readonly Column[] = [
  { name: "Host", className: "main" },
  { name: "State", className: "state brief" },
  { name: "Public address", className: "address wide" },
  { name: "Private address", className: "address wide" },
  { name: "Shard", className: "shard wide" },
  { name: "Age", className: "number wide" },
];

const withService: readonly Column[] = [
  ...hostColumns.slice(0, 1),
  { name: "Service", className: "service wide" },
  ...hostColumns.slice(1),
];

export function HostTable(): VNode {
  const { service } = place.value;
  const columns = service === "" ? withService : hostColumns;
  return (
    <>
      {service !== "" && <ServiceState name={service} />}
      <WindowTable
        key={columns.length}
        label={service === "" ? "Hosts of all services" : "Hosts of the service"}
        columns={columns}
        rows={shownHosts.value}
        keyOf={({ key }) => key}
        cells={service === "" ? cellsWithService : cells}
        tick={slowNow.value}
        className={(host) => hostHealth(host).level}
        onOpen={({ key }) => go({ host: key })}
        empty="No host is here, or none that passes the filter."
      />
    </>
  );
}

/** How the service as a whole is: the same as in the list of services. */
function ServiceState({ name }: { readonly name: string }): VNode {
  const summary = summaries.value.find(({ service }) => service.name === name);
  if (summary === undefined) return <p class="about">There is no service of that name.</p>;
  const { critical, health, hosts, draining } = summary;
  return (
    <p class={`about ${health.level}`}>
      <Mark health={health} />
      {critical && <Tag>critical</Tag>}
      <span class="counts">
        {countWords(hosts, "host")}
        {draining > 0 && `, ${draining} draining`}
      </span>
    </p>
  );
}

function cells(host: WireHost): readonly ComponentChildren[] {
  const { outside, inside } = addressesOf(host);
  const health = hostHealth(host);
  const age = ageWords(host, watchingSince.value, slowNow.value);
  return [
    <>
      <PlaceLink to={{ host: host.key }} inRow>
        <Text of={nameOf(host)} />
      </PlaceLink>
      <span class="sub">
        <Mark health={health} /> · <Text of={inside || outside} />
        {host.shard !== undefined && (
          <>
            {" · "}
            <Text of={host.shard} />
          </>
        )}
      </span>
    </>,
    <Mark health={health} />,
    <Text of={outside} />,
    <Text of={inside} />,
    <Text of={host.shard ?? ""} />,
    age,
  ];
}

function cellsWithService(host: WireHost): readonly ComponentChildren[] {
  const [first, ...others] = cells(host);
  return [first, <Text of={host.service} />, ...others];
}
