// @ts-check
import { Etcd3 } from "etcd3";

/**
 * The npm package etcd3, used as its own documentation shows: a lease that is granted again when it
 * is lost (the example of its class Lease), and a watcher with the listeners of its class
 * WatchBuilder's example. What nobody there listens to or catches would end a process; here it is
 * written down.
 */
export class Peer {
  #client;

  /** What would have ended a process. */
  /** @type {string[]} */
  crashes = [];

  /** The values of all puts, and `-` before the keys of all deletions, that the watcher told. */
  /** @type {string[]} */
  told = [];

  /** How often a lease was lost. */
  lost = 0;

  /** @param {import("etcd3").IOptions} options */
  constructor(options) {
    this.#client = new Etcd3(options);
    const note = (/** @type {unknown} */ error) => void this.crashes.push(String(error));
    process.on("uncaughtException", note);
    process.on("unhandledRejection", note);
  }

  /** @param {string} key */
  async register(key) {
    const lease = this.#client.lease(5);
    lease.on("lost", () => {
      this.lost += 1;
      void this.register(key);
    });
    await lease.put(key).value("host");
  }

  /** @param {string} prefix */
  async follow(prefix) {
    const watcher = await this.#client.watch().prefix(prefix).create();
    watcher.on("put", ({ value }) => void this.told.push(value.toString()));
    watcher.on("delete", ({ key }) => void this.told.push(`-${key.toString()}`));
  }
}
