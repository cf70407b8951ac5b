// @ts-check
import { BareV2 } from "./v2-bare.js";
import { hostRecord } from "./host-record.js";

const ttlSeconds = 5;
const everyMs = 4_000;

/**
 * How the Go client does the same: each host writes the info, then its own key, and that again every
 * four seconds; each subscriber has long polls of its own.
 */
export class PeerV2 {
  #http;
  /** What ends each host. @type {Set<() => Promise<void>>} */
  #hosts = new Set();

  /** @param {string} endpoint */
  constructor(endpoint) {
    this.#http = new BareV2(endpoint);
  }

  /**
   * Registers private hosts; resolves when all are there.
   *
   * @param {string} service
   * @param {number} count
   */
  async registerHosts(service, count) {
    await Promise.all(Array.from({ length: count }, () => this.register(service)));
  }

  /**
   * Registers one private host and keeps it; returns what ends it.
   *
   * @param {string} service
   */
  async register(service) {
    const id = `${crypto.randomUUID()}-node-1.internal`;
    const key = `/services/${service}/${id}`;
    const record = hostRecord(service, id);
    await this.#http.put(
      `/services_infos/${service}`,
      JSON.stringify({ name: service, critical: false }),
    );
    await this.#http.put(key, record, ttlSeconds);
    // What is under way when it is closed fails, and nobody waits for it.
    const rewrite = () => void this.#http.put(key, record, ttlSeconds).catch(() => {});
    const timer = setInterval(rewrite, everyMs);
    const end = async () => {
      clearInterval(timer);
      this.#hosts.delete(end);
      await this.#http.delete(key);
    };
    this.#hosts.add(end);
    return end;
  }

  /**
   * Registers one private host without waiting for it; returns what ends it.
   *
   * @param {string} service
   */
  registerHost(service) {
    const registered = this.register(service);
    return async () => (await registered)();
  }

  /**
   * Follows a service; resolves when it is told of every change from now on.
   *
   * @param {string} service
   * @param {{ up: () => void, down: () => void }} observer
   */
  follow(service, observer) {
    return this.#http.follow(service, observer);
  }

  async close() {
    await Promise.all([...this.#hosts].map((end) => end()));
    await this.#http.close();
  }
}

export { PeerV2 as Client };
