import { localAddressKind } from "../model/hostname.ts";

/** Whether this leads to the machine itself. IPv6 with or without brackets. */
export function isLoopback(hostname: string): boolean {
  return localAddressKind(hostname.replace(/^\[(.*)\]$/, "$1")) === "a loopback";
}
