import { urlHostname } from "../model/hostname.ts";
import type { HostRecord, InfoRecord } from "../model/record.ts";
import { isEmpty, type Strings } from "../model/strings.ts";

/** Why a host's record is of no use to anybody, in words that show nothing of it. */
export function hostFaults(record: HostRecord): string[] {
  const { hostname, ports, privateHostname, privatePorts } = record;
  if (hostname === "" && privateHostname === "") return ["it has no hostname"];
  return [
    ...faceFaults("", hostname, ports),
    ...(privateHostname === hostname ? [] : faceFaults("private ", privateHostname, privatePorts)),
    ...(record.public && hostname === "" ? ["it is public, and has no public hostname"] : []),
  ];
}

/** Why an info is of no use: a private service's has nothing that could be wrong. */
export function infoFaults({ hostname, ports, public: isPublic }: InfoRecord): string[] {
  if (!isPublic) return [];
  if (hostname === "") return ["it is public, and has no hostname"];
  return faceFaults("", hostname, ports);
}

function faceFaults(kind: string, hostname: string, ports: Strings): string[] {
  if (hostname === "") return [];
  return [
    ...(urlHostname(hostname) === undefined ? [`its ${kind}hostname is none`] : []),
    ...(isEmpty(ports) ? [`it has no ${kind}ports`] : []),
    ...(Object.values(ports).every(isPort)
      ? []
      : [`one of its ${kind}ports is no number from 1 to 65535`]),
  ];
}

function isPort(port: string): boolean {
  return /^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535;
}

/** The texts in a record by the names of their fields, in lower case; none if it cannot be read. */
export function namesIn(value: Uint8Array): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  try {
    const parsed: unknown = JSON.parse(Buffer.from(value).toString());
    if (typeof parsed !== "object" || parsed === null) return names;
    for (const [name, text] of Object.entries(parsed)) {
      if (typeof text === "string") names.set(name.toLowerCase(), text);
    }
  } catch {
    // That it is no JSON is told by whoever decodes it.
  }
  return names;
}
