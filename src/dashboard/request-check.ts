import type { IncomingMessage } from "node:http";
import type { AllowedHosts } from "./allowed-hosts.ts";

/** Why a request is refused. */
export interface Refusal {
  readonly status: number;

  /** Plain text. */
  readonly text: string;
}

/**
 * Refuses what a page of another site sends: by the name it asked for (`Host`), by where it says that it comes
 * from (`Origin`), and by what the browser says of that (`Sec-Fetch-Site`). A link from elsewhere is let pass:
 * it is how a page is opened, and can be read by nobody but its reader.
 */
export function refusalOf(request: IncomingMessage, allowed: AllowedHosts): Refusal | undefined {
  const { headers } = request;
  if (!allowed.admits(headers.host)) {
    const name = JSON.stringify((headers.host ?? "").slice(0, 300));
    return {
      status: 403,
      text: `This dashboard does not answer to the name ${name}. If it should, start it with --allow-host.\n`,
    };
  }
  const { origin } = headers;
  if (origin !== undefined && !allowed.admitsOrigin(origin)) {
    return { status: 403, text: "Pages of other sites may not ask this dashboard.\n" };
  }
  const site = headers["sec-fetch-site"];
  const opens = headers["sec-fetch-mode"] === "navigate";
  if ((site === "cross-site" || site === "same-site") && !opens) {
    return { status: 403, text: "Pages of other sites may not ask this dashboard.\n" };
  }
  return undefined;
}
