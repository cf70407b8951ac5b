// @ts-check
// The floor: etcd's v2 keys API on the HTTP client of Node.js, with connections kept alive.
import { Agent, request } from "node:http";
import { hostRecord } from "./host-record.js";

const connections = 32;

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {number} index etcd's, when it answered
 * @property {string} body
 */

/**
 * What a long poll is answered.
 *
 * @typedef {object} Event
 * @property {string} action
 * @property {{ key: string, value?: string, modifiedIndex: number }} node
 * @property {object} [prevNode]
 */

export class BareV2 {
  #origin;
  #agent = new Agent({ keepAlive: true, maxSockets: connections });
  /** Each long poll has a connection. */
  #polls = new Agent({ keepAlive: true });
  #closed = false;
  /** @type {{ service: string, index: number, hosts: number } | undefined} */
  #counted;

  /** @param {string} origin */
  constructor(origin) {
    this.#origin = origin;
  }

  /**
   * Registers a private host, by the one request that takes. Returns what ends it.
   *
   * @param {string} service
   */
  registerHost(service) {
    const id = `${crypto.randomUUID()}-node-1.internal`;
    const key = `/services/${service}/${id}`;
    const registered = this.put(key, hostRecord(service, id), 5);
    return async () => {
      await registered;
      await this.delete(key);
    };
  }

  /**
   * Follows a service by one long poll after the other; resolves when etcd has the first.
   *
   * @param {string} service
   * @param {{ up: () => void, down: () => void }} observer told of hosts that are new, or gone
   */
  async follow(service, { up, down }) {
    /** @param {Event} event */
    const told = ({ action, prevNode }) => {
      if (action === "set" && prevNode === undefined) up();
      else if (action === "delete" || action === "expire") down();
    };
    await new Promise((resolve, reject) => {
      this.#follow(`/services/${service}`, told, () => resolve(undefined)).catch((error) => {
        if (!this.#closed) reject(error);
      });
    });
  }

  /**
   * Writes one key. Resolves when etcd has it, rejects if it refuses.
   *
   * @param {string} key
   * @param {string} value
   * @param {number} [ttlSeconds] default: it stays
   */
  async put(key, value, ttlSeconds) {
    const ttl = ttlSeconds === undefined ? "" : `ttl=${ttlSeconds}&`;
    const { status, body } = await this.#send(
      "PUT",
      key,
      `${ttl}value=${encodeURIComponent(value)}`,
    );
    if (status >= 300) throw new Error(`PUT ${key}: ${body}`);
  }

  /** @param {string} key */
  async delete(key) {
    await this.#send("DELETE", key);
  }

  /**
   * How many hosts of a service are listed. As that is a long answer, it is asked for again only when
   * etcd was written as often as there are hosts missing.
   *
   * @param {string} service
   * @param {number} wanted
   */
  async count(service, wanted) {
    const { index } = await this.#send("GET", `/services_infos/${service}`);
    const counted = this.#counted;
    const missing = Math.abs(wanted - (counted?.hosts ?? 0));
    if (counted?.service === service && index - counted.index < missing) return counted.hosts;
    const listed = await this.#send("GET", `/services/${service}`);
    const hosts = JSON.parse(listed.body).node?.nodes?.length ?? 0;
    this.#counted = { service, index: listed.index, hosts };
    return Number(hosts);
  }

  async close() {
    this.#closed = true;
    this.#agent.destroy();
    this.#polls.destroy();
  }

  /**
   * @param {string} directory
   * @param {(event: Event) => void} told
   * @param {() => void} opened called for each poll that etcd has taken
   */
  async #follow(directory, told, opened) {
    let from = 0;
    while (!this.#closed) {
      const path = `${directory}?wait=true&recursive=true&waitIndex=${from}`;
      const { status, body } = await this.#send("GET", path, undefined, opened);
      if (status === 200) {
        const event = JSON.parse(body);
        from = event.node.modifiedIndex + 1;
        told(event);
      } else {
        // What it did not get to is no longer in the history.
        from = 0;
      }
    }
  }

  /**
   * @param {string} method
   * @param {string} path below the keys
   * @param {string} [form]
   * @param {() => void} [opened] for a long poll: called when etcd has it
   * @returns {Promise<Answer>}
   */
  #send(method, path, form, opened) {
    return new Promise((resolve, reject) => {
      const headers =
        form === undefined
          ? {}
          : {
              "Content-Type": "application/x-www-form-urlencoded",
              "Content-Length": Buffer.byteLength(form),
            };
      const agent = opened === undefined ? this.#agent : this.#polls;
      const call = request(
        `${this.#origin}/v2/keys${path}`,
        { method, headers, agent },
        (response) => {
          opened?.();
          let body = "";
          response.setEncoding("utf8").on("data", (chunk) => (body += chunk));
          response.on("error", reject);
          response.on("end", () => {
            const index = Number(response.headers["x-etcd-index"]);
            resolve({ status: response.statusCode ?? 0, index, body });
          });
        },
      );
      call.on("error", reject);
      call.end(form);
    });
  }
}

export { BareV2 as Client };
