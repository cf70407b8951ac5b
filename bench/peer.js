// @ts-check
import { Etcd3 } from "etcd3";
import { hostRecord } from "./host-record.js";

/** How the npm package etcd3 is used for the same: a lease and a put for each host. */
export class Peer {
  #client;
  /** @type {import("etcd3").Lease[]} */
  #leases = [];
  /** @type {import("etcd3").Watcher[]} */
  #watchers = [];

  /** @param {string} endpoint */
  constructor(endpoint) {
    this.#client = new Etcd3({ hosts: endpoint });
  }

  /**
   * Registers private hosts; resolves when all are there.
   *
   * @param {string} service
   * @param {number} count
   */
  async registerHosts(service, count) {
    this.#leases = await Promise.all(
      Array.from({ length: count }, async () => {
        const lease = this.#client.lease(5);
        await this.#put(lease, service);
        return lease;
      }),
    );
  }

  /** @param {string} service */
  async url(service) {
    const hosts = await this.#client.getAll().prefix(`/services/${service}/`).strings();
    const values = Object.values(hosts);
    const host = JSON.parse(values[Math.floor(Math.random() * values.length)] ?? "");
    return `http://${host.name}:${host.ports.http}/health`;
  }

  /**
   * Registers one private host without waiting for it; returns what ends it.
   *
   * @param {string} service
   */
  registerHost(service) {
    const lease = this.#client.lease(5);
    const put = this.#put(lease, service);
    return async () => {
      await put;
      await lease.revoke();
    };
  }

  /**
   * Follows a service; resolves when it is told of every change from now on.
   *
   * @param {string} service
   * @param {{ up: () => void, down: () => void }} observer
   */
  async follow(service, { up, down }) {
    const watcher = await this.#client.watch().prefix(`/services/${service}/`).create();
    watcher.on("put", up).on("delete", down);
    this.#watchers.push(watcher);
  }

  /**
   * Follows a service; resolves with all that there is of it.
   *
   * @param {string} service
   */
  async firstView(service) {
    const prefix = `/services/${service}/`;
    this.#watchers.push(await this.#client.watch().prefix(prefix).create());
    const records = Object.entries(await this.#client.getAll().prefix(prefix).strings());
    return new Map(records.map(([key, value]) => [key, JSON.parse(value)]));
  }

  async close() {
    await Promise.all(this.#watchers.map((watcher) => watcher.cancel()));
    await Promise.all(this.#leases.map((lease) => lease.revoke()));
    this.#client.close();
  }

  /**
   * @param {import("etcd3").Lease} lease
   * @param {string} service
   */
  async #put(lease, service) {
    const uuid = `${crypto.randomUUID()}-node-1.internal`;
    await lease.put(`/services/${service}/${uuid}`).value(hostRecord(service, uuid));
  }
}

export { Peer as Client };
