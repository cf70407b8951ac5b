import { abortable } from "../../async/abort.ts";
import { Backoff } from "../../async/backoff.ts";
import type { Clock } from "../../async/clock.ts";
import { DiscoveryError } from "../../errors.ts";
import { askForUser, type User, type UserSource } from "../etcd/user.ts";
import type { KeysError } from "./keys-api.ts";

/** What goes with a request; each object stands for one user and password. */
export interface Authorization {
  readonly username: string | undefined;
  readonly header: string | undefined;
}

/** How long credentials must have served before another question is free of back-off. */
const lastingMs = 5_000;

/**
 * Who we are, told with each request. A function is asked for it once, and once more for all whose
 * requests are refused: the password may have been changed.
 */
export class Credentials {
  readonly #source: UserSource | undefined;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff();
  #current: Authorization | undefined;
  #pending: Promise<Authorization> | undefined;
  #failure: unknown;
  #askedAt = -Infinity;
  #notBefore = -Infinity;

  /** What etcd has let in before. */
  readonly #accepted = new WeakSet<Authorization>();

  constructor(source: UserSource | undefined, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    if (typeof source !== "function") this.#current = authorizationOf(source);
  }

  /** What to send; undefined as long as nobody has said. */
  get current(): Authorization | undefined {
    return this.#current;
  }

  /** What to send; asks for it if nobody has. */
  async ready(signal: AbortSignal | undefined): Promise<Authorization> {
    return this.#current ?? abortable(this.#asked(), signal);
  }

  /** A request with it was not refused for want of rights. */
  accepted(authorization: Authorization): void {
    this.#accepted.add(authorization);
  }

  /** A request with it was refused: returns what else to send, if there is anything. */
  async refused(
    authorization: Authorization,
    signal: AbortSignal | undefined,
  ): Promise<Authorization | undefined> {
    const current = await this.ready(signal);
    if (current !== authorization) return current;
    if (typeof this.#source !== "function" || this.#clock.now() < this.#notBefore) return undefined;
    const next = await abortable(this.#asked(), signal);
    return next === authorization ? undefined : next;
  }

  /** What to tell a caller whose request for a key was refused. etcd says the same whether it is the password or the role that does not do. */
  error(authorization: Authorization, what: string, cause: KeysError): DiscoveryError {
    const { username } = authorization;
    const failed = `etcd could not ${what}: ${cause.message}`;
    if (username === undefined) {
      return new DiscoveryError("UNAUTHENTICATED", `${failed}; no user is given`, { cause });
    }
    const user = `user ${JSON.stringify(username)}`;
    const doubt =
      "etcd says the same of a wrong password and of a role that does not reach the key";
    return this.#accepted.has(authorization)
      ? new DiscoveryError("PERMISSION_DENIED", `${failed}; it let in ${user} before (${doubt})`, {
          cause,
        })
      : new DiscoveryError("UNAUTHENTICATED", `${failed}; it never let in ${user} (${doubt})`, {
          cause,
        });
  }

  /** Nobody is asked any more, and who waits for an answer gets none. */
  close(): void {
    this.#closing.abort(new DiscoveryError("CLOSED", "the client was closed"));
  }

  #asked(): Promise<Authorization> {
    if (this.#pending !== undefined) return this.#pending;
    if (this.#failure !== undefined && this.#clock.now() < this.#notBefore) {
      return Promise.reject(this.#failure);
    }
    // The function may never answer.
    this.#pending = abortable(this.#ask(), this.#closing.signal).finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  async #ask(): Promise<Authorization> {
    if (this.#clock.now() - this.#askedAt >= lastingMs) this.#backoff.reset();
    this.#failure = undefined;
    const before = this.#current;
    try {
      const user =
        typeof this.#source === "function"
          ? await askForUser(this.#source, this.#clock)
          : this.#source;
      const next = authorizationOf(user);
      if (next.header !== before?.header) this.#current = next;
      return this.#current ?? next;
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#askedAt = this.#clock.now();
      // Who has nothing new to say is not asked again for each call that is refused.
      if (this.#current === before) this.#notBefore = this.#askedAt + this.#backoff.next();
    }
  }
}

function authorizationOf(user: User | undefined): Authorization {
  if (user === undefined) return { username: undefined, header: undefined };
  const { username, password } = user;
  const header = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return { username, header };
}
