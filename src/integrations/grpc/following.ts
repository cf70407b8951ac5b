import { systemClock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { LivePool } from "../../find/live/live-pool.ts";
import type { Host } from "../../model/host.ts";
import { type Backend, backendsOf } from "./backends.ts";
import type { Resolution } from "./balancer-config.ts";
import type { Pools } from "./pools.ts";
import type { ResolverSettings } from "./resolver-options.ts";
import type { Target } from "./target.ts";

/** What a channel is told. */
export interface News {
  /** Undefined as long as there is no pool. */
  readonly resolution: Resolution | undefined;

  /** Why there is nobody to call; undefined if there is somebody. */
  readonly failure: string | undefined;
}

/**
 * Follows the hosts of a target for one channel, from when it is first used, or used again after it
 * was idle, until it is closed or idle. Tells what there is once, and then each change; never while
 * it is being made.
 */
export class Following {
  readonly #target: Target;
  readonly #settings: ResolverSettings;
  readonly #tell: (news: News) => void;
  readonly #waiting = new AbortController();
  readonly #undo: (() => void)[] = [];
  #pool: LivePool | undefined;

  /** What was told last; undefined if it was a failure, or nothing. */
  #told: readonly Host[] | undefined;
  #ended = false;

  constructor(
    pools: Pools,
    target: Target,
    settings: ResolverSettings,
    tell: (news: News) => void,
  ) {
    this.#target = target;
    this.#settings = settings;
    this.#tell = tell;
    try {
      this.#pool = pools.open(target);
      this.#follow(this.#pool);
    } catch (error) {
      queueMicrotask(() => this.#fail(error));
    }
  }

  /** Tells nothing any more. */
  end(): void {
    this.#ended = true;
    this.#waiting.abort();
    for (const undo of this.#undo) undo();
    void this.#pool?.close();
  }

  #follow(pool: LivePool): void {
    this.#undo.push(
      pool.on("pickable", () => this.#tellHosts(pool)),
      // Calls that wait for somebody to be ready look again when hosts that were too old are not so any more.
      pool.on("freshness", ({ source }) => this.#tellHosts(pool, source === "live")),
      pool.on("closed", () => this.#inform(pool, [], closed())),
      systemClock.setTimeout(() => this.#giveUp(pool), this.#settings.waitMs),
    );
    // No event tells that etcd refuses.
    pool.waitReady({ signal: this.#waiting.signal }).then(
      () => this.#tellHosts(pool),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Waiting keeps the process alive, and calls waiting; what comes later is told all the same. */
  #giveUp(pool: LivePool): void {
    const { service } = this.#target;
    const { waitMs } = this.#settings;
    const { cause } = whyNobody(pool);
    const why = cause instanceof Error ? `: ${cause.message}` : "";
    const message = `etcd has not told the hosts of "${service}" within ${waitMs} ms${why}`;
    this.#waiting.abort(new DiscoveryError("UNAVAILABLE", message));
  }

  #tellHosts(pool: LivePool, again = false): void {
    const { pickable } = pool;
    if (this.#ended || (pickable === this.#told && !again)) return;
    this.#told = pickable;
    const { backends, unusable } = backendsOf(pickable, this.#target);
    this.#inform(pool, backends, backends.length > 0 ? undefined : (unusable ?? whyNobody(pool)));
  }

  #fail(error: unknown): void {
    const pool = this.#pool;
    // Hosts that a file has told are better than none.
    if (this.#ended || (pool !== undefined && pool.pickable.length > 0)) return;
    this.#told = undefined;
    this.#inform(pool, [], error);
  }

  #inform(pool: LivePool | undefined, backends: readonly Backend[], error: unknown): void {
    const { text: target } = this.#target;
    this.#tell({
      resolution: pool && {
        ...{ target: this.#target, settings: this.#settings, pool, backends },
        pickable: pool.pickable,
      },
      failure: error === undefined ? undefined : `${target}: ${(error as Error).message}`,
    });
  }
}

function closed(): DiscoveryError {
  return new DiscoveryError(
    "CLOSED",
    "the hosts are not followed any longer: the Discovery was closed, or the resolver was taken back",
  );
}

/** What a pick of a pool without hosts throws. */
function whyNobody(pool: LivePool): Error {
  try {
    pool.pick();
  } catch (error) {
    return error as Error;
  }
  return new DiscoveryError("NO_HOST_FOUND", "there is no host");
}
