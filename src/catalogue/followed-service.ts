import type { Discovery } from "../discovery.ts";
import type { Freshness } from "../find/freshness.ts";
import type { Subscription } from "../find/subscription.ts";
import type { ServiceView } from "../find/view-inbox.ts";
import type { Host } from "../model/host.ts";
import type { Service } from "../model/service.ts";

/** One service of a catalogue, as it is now. */
export interface CatalogueService {
  readonly name: string;

  /** What its hosts share, if anything is written of that. */
  readonly info: Service | undefined;

  /** All hosts, draining ones too, in the order in which they became known. */
  readonly hosts: readonly Host[];

  /** How far this can be trusted; undefined as long as it was never read. */
  readonly freshness: Freshness | undefined;

  /** Why it could not be read, as long as it was not. */
  readonly lastError: Error | undefined;
}

/** Keeps one service of a catalogue current until it is closed. */
export class FollowedService implements CatalogueService {
  readonly name: string;
  readonly #changes: Subscription<ServiceView>;
  #view: ServiceView | undefined;
  #error: Error | undefined;

  /** Settled when it was read for the first time, or etcd has refused that. Never rejects. */
  readonly firstRead: Promise<void>;

  /** @param changed is called with each view once it is the one shown here */
  constructor(
    discovery: Discovery,
    name: string,
    changed: (view: ServiceView, before: ServiceView | undefined) => void,
  ) {
    this.name = name;
    this.#changes = discovery.changes(name);
    const first = this.#follow(changed);
    this.firstRead = Promise.race([
      first,
      this.#changes.waitReady().then(
        () => first,
        (error: unknown) => {
          this.#error = error as Error;
        },
      ),
    ]);
  }

  get info(): Service | undefined {
    return this.#view?.info;
  }

  get hosts(): readonly Host[] {
    return this.#view?.hosts ?? [];
  }

  get freshness(): Freshness | undefined {
    return this.#view?.freshness;
  }

  get lastError(): Error | undefined {
    return this.#view === undefined ? this.#error : undefined;
  }

  async close(): Promise<void> {
    await this.#changes.return();
  }

  /** Resolves with the first view; later ones are taken as they come. */
  #follow(changed: (view: ServiceView, before: ServiceView | undefined) => void): Promise<void> {
    return new Promise((resolve) => {
      const follow = async (): Promise<void> => {
        for await (const view of this.#changes) {
          const before = this.#view;
          this.#view = view;
          changed(view, before);
          resolve();
        }
        resolve();
      };
      void follow();
    });
  }
}
