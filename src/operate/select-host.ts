import type { HostOnStore } from "./host-records.ts";

/**
 * The hosts that an operator may mean by a word: the one with this uuid, or else all whose uuid begins so
 * or whose public or private hostname this is. More than one: the word is ambiguous.
 */
export function selectHosts(hosts: readonly HostOnStore[], word: string): readonly HostOnStore[] {
  if (word === "") return [];
  const exact = hosts.find(({ uuid }) => uuid === word);
  if (exact !== undefined) return [exact];
  return hosts.filter(
    ({ record, uuid }) =>
      uuid.startsWith(word) || record?.hostname === word || record?.privateHostname === word,
  );
}
