import { DiscoveryError } from "../errors.ts";
import type { Host } from "../model/host.ts";
import { localAddressKind } from "../model/hostname.ts";

/** Why nobody can call this host by what its record says; undefined if nothing is wrong with it. */
export function hostProblem(host: Host): string | undefined {
  const [scheme] = Object.keys(host.ports);
  const [privateScheme] = Object.keys(host.privatePorts);
  if (scheme === undefined && privateScheme === undefined) return "it has no port";
  const publicFault = scheme === undefined ? undefined : faultOf(() => host.address(scheme));
  if (publicFault !== undefined) return publicFault;
  if (host.privateHostname === "" || privateScheme === undefined) return undefined;
  return faultOf(() => host.privateAddress(privateScheme));
}

/** What is unusual about a host and may be meant, such as an address that only its own machine can reach. */
export function hostNote(host: Host): string | undefined {
  const kind = localAddressKind(host.hostname) ?? localAddressKind(host.privateHostname);
  return kind === undefined ? undefined : `${kind} address: others cannot reach it`;
}

function faultOf(address: () => string): string | undefined {
  try {
    address();
    return undefined;
  } catch (error) {
    if (!(error instanceof DiscoveryError)) throw error;
    // Without the subject, which the page shows anyway.
    return error.message.replace(/ of host ".*?" of service ".*?" is /, " is ");
  }
}
