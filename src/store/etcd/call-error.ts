/**
 * What a failed call says of the endpoint that it was made to:
 *
 * - `request`: the endpoint serves, it is the request that it refuses;
 * - `passing`: it could not serve at that moment, but the same call may succeed now;
 * - `fault`: it cannot serve now, another one may;
 * - `silence`: it said nothing in time;
 * - `unfit`: it will not serve before somebody sees to it, so there is no use in waiting for it.
 */
export type Blame = "request" | "passing" | "fault" | "silence" | "unfit";

export interface CallErrorOptions extends ErrorOptions {
  readonly neverSent?: boolean | undefined;
  readonly answered?: boolean | undefined;
}

/** A call that failed at one endpoint: what the fail-over has to know of it, whatever the protocol. */
export abstract class CallError extends Error {
  abstract readonly blame: Blame;

  /** Whether the request certainly never reached the server, so that even a write may be sent again. */
  readonly neverSent: boolean;

  /** Whether it is the server's own word. */
  readonly answered: boolean;

  constructor(message: string, options?: CallErrorOptions) {
    super(message, options);
    this.neverSent = options?.neverSent ?? false;
    this.answered = options?.answered ?? false;
  }
}
