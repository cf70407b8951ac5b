/** An IPv6 address in brackets, as it stands before a port. */
export function hostInUrl(hostname: string): string {
  return hostname.includes(":") ? `[${hostname}]` : hostname;
}
