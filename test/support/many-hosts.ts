import { hostKey } from "../../src/model/keys.ts";
import { encodeHost } from "../../src/model/record.ts";

/** The id of one of many hosts; their order is that of their numbers. */
export function nthId(index: number): string {
  return `${String(index).padStart(8, "0")}-0bc2-434a-8121-fee219dbd339-node-${index}.internal.dev`;
}

/** The record of one of many hosts, with all that records have; what tells versions of it apart is its shard. */
export function nthValue(service: string, index: number, shard = "shard-0"): Uint8Array {
  return encodeHost({
    uuid: nthId(index),
    serviceName: service,
    hostname: "public-domain.dev",
    ports: { http: "80", https: "443" },
    user: "user",
    password: "secret",
    public: true,
    privateHostname: `node-${index}.internal.dev`,
    privatePorts: { http: "8080", https: "8443" },
    critical: true,
    shard,
    weight: 1,
    metadata: { version: "1.4.2", zone: "a" },
    draining: false,
  });
}

/** Keys and values of so many hosts, from the one of this index on. */
export function* manyHosts(
  service: string,
  count: number,
  { from = 0, shard }: { readonly from?: number; readonly shard?: string } = {},
): Generator<[key: string, value: Uint8Array]> {
  for (let index = from; index < from + count; index += 1) {
    yield [hostKey("", service, nthId(index)), nthValue(service, index, shard)];
  }
}
