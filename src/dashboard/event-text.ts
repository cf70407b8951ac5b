import type { WireEvents } from "./wire.ts";

/**
 * One server-sent event. JSON has no line breaks, so that whatever is in it stays in its one line.
 *
 * @param id what the browser comes back with when it has lost the connection
 */
export function eventText<Name extends keyof WireEvents>(
  event: Name,
  data: WireEvents[Name],
  id?: string,
): string {
  const line = id === undefined ? "" : `id: ${id}\n`;
  return `event: ${event}\n${line}data: ${JSON.stringify(data)}\n\n`;
}
