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
    assertUrlArguments(scheme, path);
    return this.then((host) => host.url(scheme, path));
  }

  /** The host's {@link Host.privateUrl}. A refused argument throws at once. */
  privateUrl(scheme?: string | undefined, path?: string | undefined): Promise<string> {
    assertUrlArguments(scheme, path);
    return this.then((host) => host.privateUrl(scheme, path));
  }
}
