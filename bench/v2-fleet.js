// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { PeerV2 } from "./v2-peer.js";

/** The hosts of many Go processes, which were not all started at once. */
export class FleetV2 extends PeerV2 {
  /**
   * Registers private hosts, one after the other for four seconds, so that this is how they write
   * their keys again.
   *
   * @param {string} service
   * @param {number} count
   */
  async registerHosts(service, count) {
    const hosts = Array.from({ length: count }, async (_, index) => {
      await sleep((index * 4_000) / count);
      await this.register(service);
    });
    await Promise.all(hosts);
  }
}

export { FleetV2 as Client };
