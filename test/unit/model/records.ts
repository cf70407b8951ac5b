import { readFileSync } from "node:fs";
import type { HostOptions } from "../../../src/model/host-options.ts";
import type { HostRecord } from "../../../src/model/record.ts";
import { frozenStrings } from "../../../src/model/strings.ts";

export interface Fixture {
  readonly writer: "go" | "ruby";
  readonly service: string;
  readonly input?: Readonly<Record<string, unknown>>;
  readonly hostKey: string;
  readonly host: string;
  readonly infoKey: string;
  readonly info: string;
}

interface Fixtures {
  readonly machineHostname: string;
  readonly records: readonly Fixture[];
}

/** Records as the other clients of these keys write them. */
export const fixtures: Fixtures = JSON.parse(
  readFileSync(new URL("../../fixtures/records.json", import.meta.url), "utf8"),
) as Fixtures;

const optionNames: Readonly<Record<string, keyof HostOptions>> = {
  name: "hostname",
  private_hostname: "privateHostname",
  private_ports: "privatePorts",
};

/** What the caller of the other client gave, in the words of this package. */
export function optionsOf(fixture: Fixture): HostOptions {
  return Object.fromEntries(
    Object.entries(fixture.input ?? {}).map(([name, value]) => [optionNames[name] ?? name, value]),
  );
}

export const idOf = (fixture: Fixture): string => fixture.hostKey.split("/").at(-1) ?? "";

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A record with everything in it, but for what is given. */
export function record(fields: Partial<HostRecord> = {}): HostRecord {
  return {
    uuid: "7603414e-0bc2-434a-8121-fee219dbd339-node-1.internal.dev",
    serviceName: "my-service",
    hostname: "public-domain.dev",
    ports: frozenStrings([
      ["http", "80"],
      ["https", "443"],
    ]),
    user: "user",
    password: "s3cret",
    public: true,
    privateHostname: "node-1.internal.dev",
    privatePorts: frozenStrings([
      ["http", "8080"],
      ["https", "8443"],
    ]),
    critical: true,
    shard: "shard-0",
    weight: 5,
    metadata: frozenStrings([["version", "1.4.2"]]),
    draining: false,
    ...fields,
  };
}
