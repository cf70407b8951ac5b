import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { WireHost, WireLogEntry, WirePairs } from "../wire.ts";
import { entryReason } from "./entry-words.ts";
import { nameOf } from "./filter.ts";
import { hostHealth } from "./host-health.ts";
import { go, place } from "./navigation.ts";
import { all, loaded, now, slowNow, watchingSince } from "./store.ts";
import { Mark, Text } from "./text.tsx";
import { addressWords, ageWords, timeWords } from "./words.ts";

/** All there is to know of one host, in front of the rest. */
export function HostDialog(): VNode | null {
  const { host: key } = place.value;
  return key === "" || !loaded.value ? null : <Shown key={key} hostKey={key} />;
}

function Shown({ hostKey }: { readonly hostKey: string }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const close = (): void => go({ host: "" });
  const { hosts, log } = all.value.known;
  const host = hosts.get(hostKey);
  const entries = log.filter((entry) => entry.key === hostKey).slice(0, 20);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="host-name"
      onClose={close}
      onClick={(event) => {
        if (event.target === dialog.current) dialog.current?.close();
      }}
    >
      <div class="sheet">
        <div class="bar">
          <h2 id="host-name">
            <Text of={host === undefined ? (entries[0]?.name ?? hostKey) : nameOf(host)} />
          </h2>
          <button type="button" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
        {host === undefined ? <Gone entry={entries[0]} /> : <Fields host={host} />}
        {entries.length > 0 && <Entries entries={entries} />}
      </div>
    </dialog>
  );
}

function Gone({ entry }: { readonly entry: WireLogEntry | undefined }): VNode {
  if (entry?.type !== "down") return <p>This host is not here, or not any more.</p>;
  return (
    <p class="gone">
      Not here any more: <Text of={entryReason(entry)} /> at {timeWords(entry.at, now.value)}.
    </p>
  );
}

function Fields({ host }: { readonly host: WireHost }): VNode {
  const { service, uuid, hostname, privateHostname, shard, weight, metadata } = host;
  return (
    <dl>
      <Field name="State">
        <Mark health={hostHealth(host)} />
      </Field>
      <Field name="Service">
        <Text of={service} />
      </Field>
      <Field name={host.public ? "Public address" : "Address"}>
        <Text of={addressWords(hostname, host.ports)} />
      </Field>
      {privateHostname !== undefined && (
        <Field name="Private address">
          <Text of={addressWords(privateHostname, host.privatePorts ?? host.ports)} />
        </Field>
      )}
      {shard !== undefined && (
        <Field name="Shard">
          <Text of={shard} />
        </Field>
      )}
      <Field name="Critical">{host.critical ? "yes" : "no"}</Field>
      <Field name="Weight">{weight ?? 1}</Field>
      <Field name="Age">{ageWords(host, watchingSince.value, slowNow.value)}</Field>
      <Field name="UUID">
        <Text of={uuid} />
      </Field>
      {metadata !== undefined && <Metadata pairs={metadata} />}
    </dl>
  );
}

function Metadata({ pairs }: { readonly pairs: WirePairs }): VNode {
  return (
    <Field name="Metadata">
      {pairs.map(([name, value]) => (
        <div key={name}>
          <Text of={name} /> = <Text of={value} />
        </div>
      ))}
    </Field>
  );
}

function Field({
  name,
  children,
}: {
  readonly name: string;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function Entries({ entries }: { readonly entries: readonly WireLogEntry[] }): VNode {
  return (
    <ol class="entries">
      {entries.map((entry) => (
        <li key={entry.n}>
          <time>{timeWords(entry.at, slowNow.value)}</time> <Text of={entryReason(entry)} />
        </li>
      ))}
    </ol>
  );
}
