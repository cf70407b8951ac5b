// @ts-check
import { median, until } from "./harness.js";
import { Child } from "./child.js";
import { Ours } from "./ours.js";
import { Peer } from "./peer.js";
import { atMost } from "./table.js";

const ttlSeconds = 5;

/**
 * Processes that are killed with SIGKILL, all rounds of both contenders side by side, as all there
 * is to do is to wait: how long until a subscriber is told, which is when etcd lets the lease go.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function killed({ etcd: { endpoint }, rounds }) {
  const clients = { ours: new Ours(endpoint), peer: new Peer(endpoint) };
  try {
    const names = /** @type {const} */ (["ours", "peer"]);
    const [ours = [], peer = []] = await Promise.all(
      names.map((name) =>
        Promise.all(Array.from({ length: rounds }, (_, round) => turn(name, round))),
      ),
    );
    const what = `SIGKILL to subscriber, TTL ${ttlSeconds} s`;
    return [
      {
        measure: `${what}, p50`,
        unit: "s",
        ours: median(ours),
        peer: median(peer),
        goals: [atMost(ttlSeconds + 1)],
      },
      {
        measure: `${what}, slowest of ${rounds}`,
        unit: "s",
        ours: Math.max(...ours),
        peer: Math.max(...peer),
        goals: [atMost(ttlSeconds + 1)],
      },
    ];
  } finally {
    await Promise.all([clients.ours.close(), clients.peer.close()]);
  }

  /**
   * @param {"ours" | "peer"} client
   * @param {number} round
   */
  async function turn(client, round) {
    const service = `bench-kill-${client}-${round}`;
    let up = false;
    let downAt = 0;
    const observer = { up: () => (up = true), down: () => (downAt = performance.now()) };
    await clients[client].follow(service, observer);
    const host = new Child("host-process.js", client, [endpoint, service, 1]);
    try {
      await host.message();
      host.send("register");
      await host.message();
      await until(() => up, { what: "a host that is up" });
      const killedAt = performance.now();
      await host.kill();
      await until(() => downAt > 0, { what: "the end of a killed host" });
      return (downAt - killedAt) / 1_000;
    } finally {
      await host.kill();
    }
  }
}
