import { abortable, delay } from "../../async/abort.ts";
import { Backoff } from "../../async/backoff.ts";
import type { Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { askForUser, type User, type UserSource } from "../etcd/user.ts";
import type { Metadata } from "./channel.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

/** A member that has lost its leader fails such calls at once instead of letting them hang (etcd, api/v3rpc/rpctypes/metadatafields.go). */
export const anonymous: Metadata = { hasleader: "true" };

/** How long a token must have served before the next sign-in is free of backoff. */
const lastingMs = 5_000;

/**
 * The token that goes with each call. Whoever finds it refused asks for another; however many ask,
 * there is one sign-in at a time, and after a sign-in that failed or did not last none for a while.
 */
export class Authentication {
  readonly #user: UserSource | undefined;
  readonly #signIn: (user: User) => Promise<string>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backoff = new Backoff();
  readonly #closing = new AbortController();
  #metadata: Metadata | undefined;
  #latest: Metadata | undefined;
  #pending: Promise<Metadata> | undefined;
  #refusal: unknown;
  #signedInAt = -Infinity;
  #notBefore = -Infinity;

  constructor(options: {
    readonly user: UserSource | undefined;
    /** One `Authenticate` call, its endpoints tried one after the other. */
    readonly signIn: (user: User) => Promise<string>;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#user = options.user;
    this.#signIn = options.signIn;
    this.#clock = options.clock;
    this.#logger = options.logger;
    if (options.user === undefined) this.#metadata = anonymous;
  }

  /** Whether there is a user to sign in as. */
  get enabled(): boolean {
    return this.#user !== undefined;
  }

  /** What to send with a call; undefined as long as nobody has signed in. */
  get metadata(): Metadata | undefined {
    return this.#metadata;
  }

  /** The same, or what was sent before it was in doubt: to sign in again takes a leader. */
  get latest(): Metadata | undefined {
    return this.#metadata ?? this.#latest;
  }

  /** Signs in if that is needed. */
  async ready(signal: AbortSignal | undefined): Promise<Metadata> {
    // The function that is asked for a user may never answer.
    const renewed = () => abortable(this.#renewed(), this.#closing.signal);
    return this.#metadata ?? abortable(renewed(), signal);
  }

  /** A call with this metadata was refused, or nothing came back: the next call signs in first. */
  reject(metadata: Metadata): void {
    if (this.#user !== undefined && this.#metadata === metadata) this.#metadata = undefined;
  }

  /** Nobody signs in any more. */
  close(): void {
    this.#closing.abort(new DiscoveryError("CLOSED", "the client was closed"));
  }

  #renewed(): Promise<Metadata> {
    if (this.#pending !== undefined) return this.#pending;
    const waitMs = this.#notBefore - this.#clock.now();
    if (waitMs > 0 && this.#refusal !== undefined) return Promise.reject(this.#refusal);
    this.#pending = this.#renew(waitMs).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #renew(waitMs: number): Promise<Metadata> {
    if (waitMs > 0) await delay(this.#clock, waitMs, this.#closing.signal);
    const now = this.#clock.now();
    if (now - this.#signedInAt >= lastingMs) this.#backoff.reset();
    this.#refusal = undefined;
    try {
      const user =
        typeof this.#user === "function" ? await askForUser(this.#user, this.#clock) : this.#user;
      const token = user === undefined ? undefined : await this.#token(user);
      this.#signedInAt = this.#clock.now();
      this.#metadata = token === undefined ? anonymous : { ...anonymous, token };
      this.#latest = this.#metadata;
      return this.#metadata;
    } catch (error) {
      // That etcd cannot be reached is the endpoints' concern; they have a backoff of their own.
      if (!(error instanceof GrpcError)) this.#refusal = error;
      throw error;
    } finally {
      this.#notBefore = this.#clock.now() + this.#backoff.next();
    }
  }

  async #token(user: User): Promise<string | undefined> {
    try {
      return await this.#signIn(user);
    } catch (error) {
      if (!(error instanceof GrpcError)) throw error;
      if (error.status === GrpcStatus.FAILED_PRECONDITION) {
        // Authentication is switched off on this cluster, so that anybody may do anything.
        this.#logger.warn("etcd does not ask for a user: signed in without one");
        return undefined;
      }
      if (error.status !== GrpcStatus.INVALID_ARGUMENT) throw error;
      throw new DiscoveryError(
        "UNAUTHENTICATED",
        `etcd refused user ${JSON.stringify(user.username)}: ${error.message}`,
        { cause: error },
      );
    }
  }
}
