// @ts-check
import { Discovery } from "etcd-discovery";

/** How this package is used: a `Discovery` that does it all. */
export class Ours {
  #discovery;

  /**
   * @param {string} endpoint
   * @param {2 | 3} [api] default: 3
   */
  constructor(endpoint, api = 3) {
    this.#discovery = new Discovery({ endpoints: [endpoint], api, ttlSeconds: 5 });
  }

  /**
   * Registers private hosts; resolves when all are there.
   *
   * @param {string} service
   * @param {number} count
   */
  async registerHosts(service, count) {
    const registrations = Array.from({ length: count }, () =>
      this.#discovery.register(service, {
        privateHostname: "node-1.internal",
        ports: { http: 80 },
      }),
    );
    await Promise.all(registrations.map((registration) => registration.waitRegistration()));
  }

  /** @param {string} service */
  url(service) {
    return this.#discovery.get(service).url("http", "/health");
  }

  /**
   * Registers one private host without waiting for it; returns what ends it.
   *
   * @param {string} service
   */
  registerHost(service) {
    const registration = this.#discovery.register(service, {
      privateHostname: "node-1.internal",
      ports: { http: 80 },
    });
    return () => registration.unregister();
  }

  /**
   * Follows a service; resolves when it is told of every change from now on.
   *
   * @param {string} service
   * @param {{ up: () => void, down: () => void }} observer
   */
  async follow(service, { up, down }) {
    const subscription = this.#discovery.subscribe(service);
    void (async () => {
      for await (const event of subscription) {
        if (event.type === "up") up();
        else if (event.type === "down") down();
      }
    })();
    await subscription.waitReady();
  }

  /**
   * Follows a service; resolves with all that there is of it.
   *
   * @param {string} service
   */
  async firstView(service) {
    return await this.#discovery.changes(service).next();
  }

  /**
   * Follows a service; calls back with the hosts that changed, for each event or for each view.
   *
   * @param {string} service
   * @param {"events" | "views"} way
   * @param {(hosts: readonly import("etcd-discovery").Host[]) => void} changed
   */
  async followChanges(service, way, changed) {
    const news =
      way === "events" ? this.#discovery.subscribe(service) : this.#discovery.changes(service);
    void (async () => {
      for await (const one of news) changed("updated" in one ? one.updated : [one.host]);
    })();
    await news.waitReady();
  }

  async close() {
    await this.#discovery.close();
  }
}

export { Ours as Client };
