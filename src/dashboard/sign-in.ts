import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** More sessions than that are nobody's: the oldest one ends. */
const mostSessions = 1_000;

/** How long somebody stays signed in. */
const sessionMs = 24 * 3_600_000;

export interface SignInOptions {
  /** The name of the cookie. */
  readonly cookie: string;

  /** Good for any number of sign-ins, and as `Authorization: Bearer`. Default: a generated one, good for one sign-in. */
  readonly token?: string | undefined;

  /** Called with each generated token that is good from now on. */
  readonly generated?: ((token: string) => void) | undefined;

  /** Milliseconds that only ever grow. */
  readonly now?: (() => number) | undefined;
}

/**
 * Who may look. A token is exchanged for a cookie, which holds a random id and nothing else. Tokens and ids
 * are kept, and compared, by their hashes: how long that takes says nothing of them.
 */
export class SignIn {
  readonly #options: SignInOptions;
  readonly #now: () => number;
  readonly #sessions = new Map<string, number>();
  #digest: Buffer;

  constructor(options: SignInOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#digest = options.token === undefined ? this.#generate() : digestOf(options.token);
  }

  /** The id of a new session, to be put in the cookie; undefined if that is not the token. */
  exchange(token: string): string | undefined {
    if (!timingSafeEqual(digestOf(token), this.#digest)) return undefined;
    if (this.#options.token === undefined) this.#digest = this.#generate();
    const id = randomBytes(32).toString("base64url");
    this.#sessions.set(digestOf(id).toString("hex"), this.#now() + sessionMs);
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > mostSessions && oldest !== undefined) this.#sessions.delete(oldest);
    return id;
  }

  /** Whether whoever sends this request has signed in, or, with `bearer`, sends the token itself. */
  admits(
    request: IncomingMessage,
    { bearer = false }: { readonly bearer?: boolean } = {},
  ): boolean {
    const { authorization } = request.headers;
    if (bearer && this.#options.token !== undefined && authorization !== undefined) {
      const token = /^Bearer +([^\s]+)$/i.exec(authorization)?.[1];
      return token !== undefined && timingSafeEqual(digestOf(token), this.#digest);
    }
    return this.#admitsCookie(request.headers.cookie ?? "");
  }

  #admitsCookie(cookies: string): boolean {
    for (const cookie of cookies.split(";")) {
      const [name, id] = cookie.trim().split("=", 2);
      if (name !== this.#options.cookie || id === undefined) continue;
      // Found by its hash, which nobody can choose bit by bit.
      const hash = digestOf(id).toString("hex");
      const until = this.#sessions.get(hash);
      if (until === undefined) continue;
      if (until > this.#now()) return true;
      this.#sessions.delete(hash);
    }
    return false;
  }

  #generate(): Buffer {
    const token = randomBytes(32).toString("base64url");
    this.#options.generated?.(token);
    return digestOf(token);
  }
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
