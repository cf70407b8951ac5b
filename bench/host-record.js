// @ts-check

/**
 * The record of a private host, as the library writes it.
 *
 * @param {string} service
 * @param {string} uuid
 * @param {string} [shard] default: none
 */
export function hostRecord(service, uuid, shard) {
  return JSON.stringify({
    name: "node-1.internal",
    service_name: service,
    ports: { http: "80" },
    private_hostname: "node-1.internal",
    private_ports: { http: "80" },
    shard,
    uuid,
  });
}
