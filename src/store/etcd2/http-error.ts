import { type Blame, CallError, type CallErrorOptions } from "../etcd/call-error.ts";

/** A request that got no answer of the keys API. Internal to the driver: callers see a `DiscoveryError`. */
export class HttpError extends CallError {
  static {
    this.prototype.name = "HttpError";
  }

  readonly blame: Blame;

  constructor(blame: Blame, message: string, options?: CallErrorOptions) {
    super(message, options);
    this.blame = blame;
  }
}
