// @ts-check
import { once } from "node:events";
import { get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const callEveryMs = 600;

/**
 * A client of the service: it is told of every instance that comes, changes or goes, and so needs
 * no further lookup to call them in turn.
 *
 * @param {object} options
 * @param {import("etcd-discovery").Discovery} options.discovery
 * @param {string} options.service
 * @param {import("./timeline.js").Tell} options.tell
 */
export async function startFollower({ discovery, service, tell }) {
  /** @type {Map<string, import("etcd-discovery").Host>} Whom to call. */
  const hosts = new Map();

  const events = discovery.subscribe(service, { existing: true });
  await events.waitReady();
  tell("following", "follows the service");

  async function follow() {
    for await (const { type, host, reason } of events) {
      const node = host.privateHostname;
      if (type === "down" || host.draining) hosts.delete(host.uuid);
      else hosts.set(host.uuid, host);

      if (type === "up") tell("up", `${node} is up`, node);
      else if (type === "down") tell("down", `${node} is down: ${reason}`, node);
      else if (host.draining) tell("draining", `${node} is about to leave`, node);
      else tell("update", `${node} has another password`, node);
    }
  }

  /**
   * @param {import("etcd-discovery").Host} host
   * @param {AbortSignal} signal
   */
  async function callOne(host, signal) {
    const node = host.privateHostname;
    try {
      const answer = await call(host.url("http", "/hello"), signal);
      tell("called", `calls ${node}: ${answer}`, node);
    } catch (error) {
      if (signal.aborted) return;
      // Unless there is newer news of it by now, it is not called again until there is.
      if (hosts.get(host.uuid) === host) hosts.delete(host.uuid);
      const why = error instanceof Error && "code" in error ? String(error.code) : String(error);
      tell("call-failed", `calls ${node}: ${why}; leaves it alone`, node);
    }
  }

  /** @param {AbortSignal} signal */
  async function callInTurn(signal) {
    while (!signal.aborted) {
      const [host] = hosts.values();
      if (host !== undefined) {
        // To the end of the queue.
        hosts.delete(host.uuid);
        hosts.set(host.uuid, host);
        await callOne(host, signal);
      }
      await sleep(callEveryMs, undefined, { signal }).catch(() => {});
    }
  }

  const stop = new AbortController();
  const done = Promise.all([follow(), callInTurn(stop.signal)]);
  return {
    async stop() {
      stop.abort();
      await events.return();
      await done;
    },
  };
}

/**
 * @param {string} url with the user and the password that the service wants
 * @param {AbortSignal} signal
 */
async function call(url, signal) {
  const request = get(url, {
    agent: false,
    signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
  });
  /** @type {[import("node:http").IncomingMessage]} */
  const [response] = /** @type {any} */ (await once(request, "response"));
  response.setEncoding("utf8");
  const text = (await response.toArray()).join("");
  if (response.statusCode !== 200) throw new Error(`${response.statusCode} ${text}`);
  return text;
}
