import { join } from "node:path";
import { defaultDiscovery } from "../../default.ts";
import type { Discovery } from "../../discovery.ts";
import { DiscoveryError } from "../../errors.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import type { ResolverSettings } from "./resolver-options.ts";
import type { Target } from "./target.ts";

/**
 * The live pools behind the channels of one scheme. Each channel has its own, as its credentials and
 * its deadlines are, too: what looks sick to one may be well for another. All those of a service
 * share one watch.
 */
export class Pools {
  readonly #discovery: Discovery | undefined;
  readonly #settings: Pick<ResolverSettings, "live" | "snapshotFolder">;
  readonly #open = new Set<LivePool>();
  #ended = false;

  /** @param discovery undefined: the default one, as it is when a pool is made */
  constructor(
    discovery: Discovery | undefined,
    settings: Pick<ResolverSettings, "live" | "snapshotFolder">,
  ) {
    this.#discovery = discovery;
    this.#settings = settings;
  }

  /** A new one, to be closed by who has asked for it. Throws `CLOSED`, and what `discovery.live` throws. */
  open({ service, shard }: Target): LivePool {
    if (this.#ended) throw new DiscoveryError("CLOSED", "the resolver was taken back");
    const { live, snapshotFolder } = this.#settings;
    const options = { ...live, shard: shard ?? live.shard };
    const name = encodeURIComponent(`${service}/${options.shard ?? ""}`);
    const snapshot = snapshotFolder && join(snapshotFolder, `${name}.json`);
    const discovery = this.#discovery ?? defaultDiscovery();
    const pool = discovery.live(service, { ...options, snapshot });
    this.#open.add(pool);
    pool.on("closed", () => this.#open.delete(pool));
    return pool;
  }

  /** Ends all of them. */
  end(): void {
    this.#ended = true;
    for (const pool of this.#open) void pool.close();
  }
}
