import { optionsBag } from "../../arguments.ts";
import type { OptionNames } from "../../model/option-names.ts";
import { readBoolean, readHostname, readString } from "../../model/option-values.ts";
import type { HostRecord } from "../../model/record.ts";
import { kindOf, quote, refuse, shown } from "../../model/refuse.ts";
import { withPath } from "../../model/url.ts";
import type { CheckTiming, CheckTls, HttpCheck, Probe } from "./health-check.ts";
import { targetOf } from "./probe-target.ts";

type TimingNames = OptionNames<CheckTiming & { readonly type: string }>;

const target = { face: true, scheme: true, hostname: true, port: true } as const;

/** Checks what a probe is to do, and copies it. Throws `INVALID_ARGUMENT`, naming the field. */
export function checkProbe(given: Probe, record: HostRecord, timing: TimingNames): Probe {
  const probe = copyOf(given, { ...timing, ...target });
  targetOf(probe, record);
  const needless = "tls" in probe && probe.tls?.rejectUnauthorized === false;
  if (needless && probe.type === "http" && probe.credentials === true) {
    refuse(
      "check.tls.rejectUnauthorized",
      "must not be false where credentials are sent; give the ca to trust",
    );
  }
  return probe;
}

function copyOf(given: Probe, names: TimingNames & typeof target): Probe {
  switch (given.type) {
    case "http": {
      const own = {
        path: true,
        method: true,
        headers: true,
        credentials: true,
        tls: true,
      } as const;
      const bag = optionsBag(given, { ...names, ...own }, "check");
      const { method } = bag;
      if (method !== undefined && method !== "GET" && method !== "HEAD") {
        refuse("check.method", `must be "GET" or "HEAD", not ${shown(method)}`);
      }
      return {
        ...bag,
        ...targetOptions(bag),
        path: pathOf(bag.path),
        headers: headersOf(bag.headers),
        credentials: readBoolean("check.credentials", bag.credentials, false),
        tls: tlsOf(bag.tls),
      };
    }
    case "tcp":
      return { ...optionsBag(given, names, "check"), ...targetOptions(given) };
    case "grpc": {
      const bag = optionsBag(given, { ...names, service: true, tls: true }, "check");
      return {
        ...bag,
        ...targetOptions(bag),
        service: readString("check.service", bag.service, ""),
        tls: tlsOf(bag.tls),
      };
    }
    default: {
      const { type } = given as { readonly type: unknown };
      refuse("check.type", `must be "function", "http", "tcp" or "grpc", not ${shown(type)}`);
    }
  }
}

function targetOptions({ face, scheme, hostname, port }: Probe): Pick<Probe, keyof typeof target> {
  if (face !== undefined && face !== "private" && face !== "public") {
    refuse("check.face", `must be "private" or "public", not ${shown(face)}`);
  }
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    refuse("check.port", `must be a whole number from 1 to 65535, not ${shown(port)}`);
  }
  return {
    face,
    scheme: readString("check.scheme", scheme, "") || undefined,
    hostname: readHostname("check.hostname", hostname, "") || undefined,
    port,
  };
}

/** As it goes over the wire: what comes after the port, without a fragment. */
function pathOf(path: string | undefined): string {
  const { pathname, search } = new URL(withPath("http://host", readString("check.path", path, "")));
  return pathname + search;
}

/** By RFC 9110, section 5: what names and values are made of. */
const headerName = /^[\w!#$%&'*+.^`|~-]+$/;
const headerValue = /^[\t\u0020-\u007e\u0080-\u00ff]*$/;

function headersOf(headers: HttpCheck["headers"]): HttpCheck["headers"] {
  if (headers === undefined) return undefined;
  if (typeof headers !== "object" || headers === null) {
    refuse("check.headers", `must be an object of strings by name, not ${kindOf(headers)}`);
  }
  for (const [name, value] of Object.entries(headers)) {
    if (!headerName.test(name)) refuse("check.headers", `${quote(name)} is no name of a header`);
    // Never shown: it may be a secret.
    if (typeof value !== "string" || !headerValue.test(value)) {
      refuse(
        `check.headers ${quote(name)}`,
        "must be a string that a header can have as its value",
      );
    }
  }
  return { ...headers };
}

function tlsOf(tls: CheckTls | undefined): CheckTls | undefined {
  if (tls === undefined) return undefined;
  const names = { ca: true, servername: true, rejectUnauthorized: true } as const;
  const bag = optionsBag(tls, names, "check.tls");
  const { ca } = bag;
  if (ca !== undefined && typeof ca !== "string" && !Buffer.isBuffer(ca)) {
    refuse("check.tls.ca", `must be PEM, as a string or a Buffer, not ${kindOf(ca)}`);
  }
  return {
    ca,
    servername: readString("check.tls.servername", bag.servername, "") || undefined,
    rejectUnauthorized: readBoolean("check.tls.rejectUnauthorized", bag.rejectUnauthorized, true),
  };
}
