import { assertServiceName } from "../../model/keys.ts";
import { quote } from "../../model/refuse.ts";
import { type HostOnStore, readHosts } from "../../operate/host-records.ts";
import { selectHosts } from "../../operate/select-host.ts";
import { exitCodes } from "../exit-codes.ts";
import type { Operation } from "./operate.ts";
import { Refusal } from "./refusal.ts";
import { shellWords } from "./shell-words.ts";

/** How many hosts are listed where one was not found. */
const mostListed = 10;

/** The one host that an argument means. Rejects with a `Refusal` if there is none, or more than one. */
export async function chosenHost(
  { store, call }: Operation,
  service: string,
  word: string,
): Promise<HostOnStore> {
  assertServiceName(service);
  const hosts = await readHosts(store, service, call);
  const [host, ...others] = selectHosts(hosts, word);
  if (host === undefined) {
    throw new Refusal(
      exitCodes.notFound,
      `service ${quote(service)} has no host ${quote(word)}`,
      list("It has:", service, hosts),
    );
  }
  if (others.length === 0) return host;
  throw new Refusal(
    exitCodes.usage,
    `${quote(word)} may be any of ${others.length + 1} hosts of service ${quote(service)}`,
    list("Say which, by its uuid or the beginning of that:", service, [host, ...others]),
  );
}

/** A host for people: its uuid and where it is. */
export function described({ record, uuid }: HostOnStore): string {
  if (record === undefined) return `${uuid}  (its record cannot be read)`;
  const names = [record.public ? record.hostname : "", record.privateHostname || record.hostname];
  return [uuid, ...new Set(names.filter((name) => name !== ""))].join("  ");
}

function list(head: string, service: string, hosts: readonly HostOnStore[]): string[] {
  const lines = hosts.slice(0, mostListed).map((host) => `  ${described(host)}`);
  const left = hosts.length - lines.length;
  const all = shellWords("etcd-discovery", "get", service);
  return [head, ...lines, ...(left > 0 ? [`  and ${left} more: ${all} lists them`] : [])];
}
