import { DiscoveryError } from "../../errors.ts";
import { quote } from "../../model/refuse.ts";

/** The service that a url leads to. */
export interface Target {
  readonly service: string;
  readonly scheme: "http" | "https";
}

/**
 * The service that an origin such as `http://my-service.discovery` is of; undefined if it is none of
 * ours. Throws `INVALID_ARGUMENT` for one of ours that cannot be meant.
 */
export function targetOf(origin: string, suffix: string): Target | undefined {
  if (!URL.canParse(origin)) return undefined;
  const { hostname, port, protocol } = new URL(origin);
  if (!hostname.endsWith(suffix)) return undefined;
  const scheme = protocol.slice(0, -1);
  if (scheme !== "http" && scheme !== "https") return undefined;
  const service = hostname.slice(0, -suffix.length);
  const problem =
    service === ""
      ? "names no service"
      : port !== ""
        ? "has a port; leave it out, since it is the picked host's port of that scheme"
        : undefined;
  if (problem === undefined) return { service, scheme };
  throw new DiscoveryError("INVALID_ARGUMENT", `url: ${quote(origin)} ${problem}`);
}
