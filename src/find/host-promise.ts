import type { Host } from "../model/host.ts";
import { assertUrlArguments } from "../model/url.ts";

/** A promise of one host that is being looked up, and of what is usually wanted of it. */
export class HostPromise extends Promise<Host> {
  /** What `then`, `catch` and `finally` return is a promise like any other. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** The host's {@link Host.url}. A refused argument throws at once. */
  url(scheme?: string | undefined, path?: string | undefined): Promise<string> {
    this.#assert(scheme, path);
    return this.then((host) => host.url(scheme, path));
  }

  /** The host's {@link Host.privateUrl}. A refused argument throws at once. */
  privateUrl(scheme?: string | undefined, path?: string | undefined): Promise<string> {
    this.#assert(scheme, path);
    return this.then((host) => host.privateUrl(scheme, path));
  }

  /** When this throws nobody is left to hear of the lookup, so its failure must not count as unhandled. */
  #assert(scheme: string | undefined, path: string | undefined): void {
    try {
      assertUrlArguments(scheme, path);
    } catch (error) {
      this.catch(() => {});
      throw error;
    }
  }
}
