import { encodeHost, encodeInfo } from "../../src/model/record.ts";

/** A host's record as somebody else may write it; what tells versions of it apart is its shard. */
export function hostValue(service: string, id: string, shard = ""): Uint8Array {
  return encodeHost({
    uuid: id,
    serviceName: service,
    hostname: `${id}.dev`,
    ports: { http: "80" },
    user: "",
    password: "",
    public: false,
    privateHostname: `${id}.dev`,
    privatePorts: { http: "80" },
    critical: false,
    shard,
    draining: false,
  });
}

/** The info of a public service, as somebody else may write it. */
export function infoValue(service: string, password: string): Uint8Array {
  return encodeInfo({
    name: service,
    critical: false,
    hostname: `${service}.dev`,
    user: "user",
    password,
    ports: { http: "80" },
    public: true,
  });
}
