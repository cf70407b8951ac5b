import { type ChannelOptions, connectivityState, experimental } from "@grpc/grpc-js";
import type { Backend } from "./backends.ts";
import {
  BalancerConfig,
  balancerName,
  type Resolution,
  resolutionAttribute,
} from "./balancer-config.ts";
import { CallUses } from "./call-uses.ts";
import { Connection } from "./connection.ts";
import { HostPicker } from "./host-picker.ts";

/** Makes the balancing known to gRPC. Idempotent. */
export function registerBalancer(): void {
  if (experimental.isLoadBalancerNameRegistered(balancerName)) return;
  experimental.registerLoadBalancerType(balancerName, Balancer, BalancerConfig);
}

/**
 * Balances a channel's calls over the hosts of a live pool: keeps a connection to each of them, and
 * lets the pool pick, so that its strategy, weights and passive health hold for gRPC, too.
 */
class Balancer implements experimental.LoadBalancer {
  readonly #helper: experimental.ChannelControlHelper;
  readonly #connections = new Map<string, Connection>();

  /** It outlasts the connections, as a host that was left alone for a while is no new one. */
  readonly #failed = new Map<string, string>();
  readonly #uses = new CallUses();
  #resolution: Resolution | undefined;

  /** While connections are made and closed, of which each would tell of itself. */
  #paused = false;

  constructor(helper: experimental.ChannelControlHelper) {
    this.#helper = helper;
  }

  updateAddressList(
    endpoints: Parameters<experimental.LoadBalancer["updateAddressList"]>[0],
    config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
  ): boolean {
    if (config.getLoadBalancerName() !== balancerName) return false;
    const resolution = options[resolutionAttribute] as Resolution | undefined;
    if (!endpoints.ok || resolution === undefined) {
      if (this.#connections.size === 0) this.#fail(endpoints.ok ? misplaced : endpoints.error);
      return true;
    }
    this.#resolution = resolution;
    this.#paused = true;
    try {
      this.#connect(resolution, options);
    } finally {
      this.#paused = false;
    }
    this.#tell();
    return true;
  }

  exitIdle(): void {
    for (const connection of this.#connections.values()) connection.keepUp();
  }

  resetBackoff(): void {
    for (const connection of this.#connections.values()) connection.resetBackoff();
  }

  destroy(): void {
    this.#paused = true;
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  getTypeName(): string {
    return balancerName;
  }

  /** Connects to those that are new, and lets go of those that are not wanted any longer; their calls go on to their end. */
  #connect(resolution: Resolution, options: ChannelOptions): void {
    const wanted = new Map(resolution.backends.map((backend) => [backend.host.uuid, backend]));
    const old: Connection[] = [];
    for (const [uuid, connection] of this.#connections) {
      if (wanted.get(uuid)?.address === connection.backend.address) continue;
      this.#connections.delete(uuid);
      old.push(connection);
    }
    for (const [uuid, backend] of wanted) {
      if (this.#connections.has(uuid)) continue;
      const connection = new Connection(backend, this.#helper, options, {
        changed: () => this.#changed(),
        unreachable: (reason) => this.#unreachable(backend, reason),
      });
      this.#connections.set(uuid, connection);
      connection.start();
    }
    // After the new ones have begun, as some may go to the same address.
    for (const connection of old) connection.close();
    const known = new Set(
      [...resolution.pool.hosts, ...resolution.pool.suspects].map(({ uuid }) => uuid),
    );
    for (const uuid of this.#failed.keys()) if (!known.has(uuid)) this.#failed.delete(uuid);
  }

  #changed(): void {
    if (this.#paused) return;
    this.#paused = true;
    for (const [uuid, connection] of this.#connections) {
      connection.keepUp();
      if (connection.state === connectivityState.READY) this.#failed.delete(uuid);
    }
    this.#paused = false;
    this.#tell();
  }

  /** The pool is to look for others, which also covers a subset of hosts of which none can be reached. */
  #unreachable({ host }: Backend, reason: string): void {
    this.#failed.delete(host.uuid);
    this.#failed.set(host.uuid, reason);
    this.#resolution?.pool.beginOn(host)?.end("unreachable");
  }

  #tell(): void {
    if (this.#resolution === undefined) return;
    const picker = new HostPicker(this.#resolution, this.#connections, this.#failed, this.#uses);
    const { state } = picker;
    const failed = state === connectivityState.TRANSIENT_FAILURE;
    this.#helper.updateState(state, picker, failed ? picker.reason : null);
  }

  #fail(error: { readonly details: string }): void {
    const { details } = error;
    const picker = new experimental.UnavailablePicker({ details });
    this.#helper.updateState(connectivityState.TRANSIENT_FAILURE, picker, details);
  }
}

const misplaced = {
  details: `the balancing ${balancerName} is for targets of etcd-discovery; leave it out of this service config`,
};
