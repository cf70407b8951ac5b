import { connectivityState, experimental, Metadata, status } from "@grpc/grpc-js";
import type { Host } from "../../model/host.ts";
import type { Resolution } from "./balancer-config.ts";
import type { CallUse, CallUses } from "./call-uses.ts";
import type { Connection } from "./connection.ts";

/** Why hosts could not be reached, by their uuids, the latest last. Those that were reached since are not among them. */
export type FailedHosts = ReadonlyMap<string, string>;

/** Picks hosts by the pool, among those that are connected, and tells the pool how the calls end. */
export class HostPicker implements experimental.Picker {
  readonly #resolution: Resolution;
  readonly #connections: ReadonlyMap<string, Connection>;
  readonly #failed: FailedHosts;
  readonly #uses: CallUses;

  /** What the pool picks from, and who of them is not connected. */
  #pickable: readonly Host[] | undefined;
  #blocked: readonly Host[] = [];

  /** @param failed to whom no connection could be made, and why */
  constructor(
    resolution: Resolution,
    connections: ReadonlyMap<string, Connection>,
    failed: FailedHosts,
    uses: CallUses,
  ) {
    this.#resolution = resolution;
    this.#connections = connections;
    this.#failed = failed;
    this.#uses = uses;
  }

  /** How things stand, for the channel. */
  get state(): connectivityState {
    this.#look();
    const { length } = this.#pickable ?? [];
    if (this.#blocked.length < length) return connectivityState.READY;
    return this.#awaited ? connectivityState.CONNECTING : connectivityState.TRANSIENT_FAILURE;
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    const { pool, settings, target } = this.#resolution;
    this.#look();
    try {
      if (this.#blocked.length > 0 && this.#blocked.length === this.#pickable?.length) {
        return this.#awaited ? queued : unavailable(this.reason);
      }
      const key = settings.key?.(args.metadata);
      const exclude = this.#blocked.length === 0 ? undefined : this.#blocked;
      const use = pool.begin({ key, exclude });
      const picked = this.#connections.get(use.host.uuid)?.pick(args);
      if (picked?.pickResultType !== experimental.PickResultType.COMPLETE) {
        use.end("undecided");
        return picked ?? queued;
      }
      if (settings.credentials) addCredentials(args.metadata, use.host);
      return counted(picked, this.#uses.picked(pool, use));
    } catch (error) {
      return unavailable(`${target.text}: ${(error as Error).message}`);
    }
  }

  /** Why nobody can be called though there are hosts. */
  get reason(): string {
    const { target } = this.#resolution;
    const count = this.#pickable?.length ?? 0;
    const last = [...this.#failed.values()].at(-1) ?? "none was tried";
    return `${target.text}: no connection to any of ${count} hosts; the last error: ${last}`;
  }

  /** Looks again when the pool has chosen others. */
  #look(): void {
    const { pickable } = this.#resolution.pool;
    if (pickable === this.#pickable) return;
    this.#pickable = pickable;
    this.#blocked = pickable.filter(({ uuid }) => !this.#isReady(uuid));
  }

  #isReady(uuid: string): boolean {
    return this.#connections.get(uuid)?.state === connectivityState.READY;
  }

  /** Whether there is somebody to wait for. Of those that cannot be reached each has had a try. */
  get #awaited(): boolean {
    const { pickable } = this.#resolution;
    return this.#blocked.some(({ uuid }) => {
      if (this.#failed.has(uuid)) return false;
      // Connections to hosts that have just come are about to be made.
      return this.#connections.has(uuid) || this.#pickable !== pickable;
    });
  }
}

function counted(picked: experimental.PickResult, use: CallUse): experimental.PickResult {
  return {
    ...picked,
    onCallStarted: () => {
      use.started();
      picked.onCallStarted?.();
    },
    onCallEnded: (code, details, metadata) => {
      use.ended(code, details);
      picked.onCallEnded?.(code, details, metadata);
    },
  };
}

const queued: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  subchannel: null,
  status: null,
  onCallStarted: null,
  onCallEnded: null,
};

function unavailable(details: string): experimental.PickResult {
  return {
    pickResultType: experimental.PickResultType.TRANSIENT_FAILURE,
    subchannel: null,
    status: { code: status.UNAVAILABLE, details, metadata: new Metadata() },
    onCallStarted: null,
    onCallEnded: null,
  };
}

/** The metadata is of this one attempt, so that nobody else's credentials are in the next one. */
function addCredentials(metadata: Metadata, { user, password }: Host): void {
  if ((user === "" && password === "") || metadata.get("authorization").length > 0) return;
  metadata.set("authorization", `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`);
}
