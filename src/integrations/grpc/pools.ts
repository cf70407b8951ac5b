import { join } from "node:path";
import { defaultDiscovery } from "../../default.ts";
import type { Discovery } from "../../discovery.ts";
import { DiscoveryError } from "../../errors.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import type { ResolverSettings } from "./resolver-options.ts";
import type { Target } from "./target.ts";

/** Somebody's part in a pool, until it is released. */
export interface PoolShare {
  readonly pool: LivePool;
  release(): void;
}

type PoolSettings = Pick<ResolverSettings, "live" | "snapshotFolder">;

interface SharedPool {
  readonly pool: LivePool;
  users: number;
}

/**
 * The live pools behind the channels of a process, one for all channels that call the same hosts, so
 * that what one of them learns of a host holds for the others.
 */
export class Pools {
  readonly #discovery: Discovery | undefined;
  readonly #settings: PoolSettings;
  readonly #shared = new Map<string, SharedPool>();
  #ended = false;

  /** @param discovery undefined: the default one, as it is when a pool is made */
  constructor(discovery: Discovery | undefined, settings: PoolSettings) {
    this.#discovery = discovery;
    this.#settings = settings;
  }

  /** Throws `CLOSED`, and what `discovery.live` throws. */
  share({ service, shard }: Target): PoolShare {
    if (this.#ended) throw new DiscoveryError("CLOSED", "the resolver was taken back");
    const key = `${service}/${shard ?? ""}`;
    const shared = this.#shared.get(key) ?? this.#open(key, service, shard);
    shared.users += 1;
    let released = false;
    return {
      pool: shared.pool,
      release: () => {
        if (released) return;
        released = true;
        shared.users -= 1;
        if (shared.users === 0) void shared.pool.close();
      },
    };
  }

  /** Ends all of them. */
  end(): void {
    this.#ended = true;
    for (const { pool } of [...this.#shared.values()]) void pool.close();
  }

  #open(key: string, service: string, shard: string | undefined): SharedPool {
    const discovery = this.#discovery ?? defaultDiscovery();
    const { live, snapshotFolder } = this.#settings;
    const options = {
      ...live,
      shard: shard ?? live.shard,
      snapshot: snapshotFolder && join(snapshotFolder, `${encodeURIComponent(key)}.json`),
    };
    const shared = { pool: discovery.live(service, options), users: 0 };
    this.#shared.set(key, shared);
    shared.pool.on("closed", () => {
      if (this.#shared.get(key) === shared) this.#shared.delete(key);
    });
    return shared;
  }
}
