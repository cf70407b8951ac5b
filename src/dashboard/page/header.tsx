import type { VNode } from "preact";
import type { Show } from "./filter.ts";
import { PlaceLink } from "./place-link.tsx";
import { go, place } from "./navigation.ts";
import { shownHosts, summaries } from "./selection.ts";
import { all, link, now } from "./store.ts";
import { Text } from "./text.tsx";
import { visibleText } from "./visible-text.ts";
import { banner, countWords } from "./words.ts";

const shows: readonly (readonly [show: Show, words: string])[] = [
  ["all", "All"],
  ["problems", "Problems"],
  ["draining", "Draining"],
];

export function Header(): VNode {
  const { service, view, query } = place.value;
  return (
    <header>
      <div class="bar">
        <h1>
          <PlaceLink to={{ view: "services", service: "", shard: "", host: "" }}>
            etcd-discovery
          </PlaceLink>
          {service !== "" && (
            <>
              <span aria-hidden="true"> › </span>
              <Text of={service} />
            </>
          )}
        </h1>
        <Trust />
        <input
          type="search"
          aria-label="Search hosts and services"
          placeholder="Search ( / )"
          spellcheck={false}
          autocomplete="off"
          value={query}
          onInput={(event) => go({ query: event.currentTarget.value }, { push: false })}
        />
      </div>
      <div class="bar">
        <nav aria-label="Views">
          <PlaceLink
            to={{ view: "services", service: "", shard: "", host: "" }}
            current={view === "services"}
          >
            Services
          </PlaceLink>
          <PlaceLink to={{ view: "hosts", host: "" }} current={view === "hosts"}>
            Hosts
          </PlaceLink>
          <PlaceLink to={{ view: "log", host: "" }} current={view === "log"}>
            Log
          </PlaceLink>
        </nav>
        {view !== "log" && <Filters />}
        <Counts />
      </div>
      <Banner />
    </header>
  );
}

/** Whether what is seen is live, in two words; the banner says more. */
function Trust(): VNode {
  const { connected, state } = link.value;
  const source = connected ? (state?.source ?? "none") : "lost";
  const words = { live: "Live", stale: "Not live", none: "No data yet", lost: "Not connected" };
  const level = { live: "good", stale: "warn", none: "warn", lost: "warn" } as const;
  return (
    <span class={`mark ${level[source]} trust`}>
      <i aria-hidden="true" />
      {words[source]}
      {state?.endpoint !== undefined && <small> {visibleText(state.endpoint)}</small>}
    </span>
  );
}

function Filters(): VNode {
  const { show, service, shard, view } = place.value;
  const shards =
    service === ""
      ? []
      : (summaries.value.find((each) => each.service.name === service)?.shards ?? []);
  return (
    <div class="filters" role="group" aria-label="Filters">
      {shows.map(([each, words]) => (
        <button
          key={each}
          type="button"
          aria-pressed={show === each}
          onClick={() => go({ show: each }, { push: false })}
        >
          {words}
        </button>
      ))}
      {view === "hosts" && shards.length > 0 && (
        <select
          aria-label="Shard"
          value={shard}
          onChange={(event) => go({ shard: event.currentTarget.value }, { push: false })}
        >
          <option value="">All shards</option>
          {shards.map((each) => (
            <option key={each} value={each}>
              {visibleText(each)}
            </option>
          ))}
        </select>
      )}
    </div>
  );
}

function Counts(): VNode {
  const { hosts, services } = all.value.known;
  const { view } = place.value;
  const some = view === "hosts" && shownHosts.value.length !== hosts.size;
  return (
    <p class="counts">
      {countWords(services.size, "service")}, {some ? `${shownHosts.value.length} of ` : ""}
      {countWords(hosts.size, "host")}
    </p>
  );
}

function Banner(): VNode | null {
  const words = banner(link.value, now.value);
  return words === undefined ? null : <p class="banner">{visibleText(words)}</p>;
}
