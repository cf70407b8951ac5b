import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { kindOf, refuse } from "../../model/refuse.ts";

/** What a request has to carry, if anything. */
export class BearerToken {
  readonly #digest: Buffer | undefined;

  /** Throws `INVALID_ARGUMENT`, and never shows the token. */
  constructor(token: string | undefined) {
    if (token === undefined) return;
    if (typeof token !== "string") refuse("token", `must be a string, not ${kindOf(token)}`);
    // An empty one, as from a variable that is not set, would let in everybody, or nobody.
    if (!/^[\x21-\x7e]+$/.test(token)) {
      refuse("token", "must not be empty, and have no white space and nothing but ASCII");
    }
    this.#digest = digestOf(token);
  }

  /** Whether the request may be answered. How long that takes says nothing about the token. */
  allows({ headers: { authorization = "" } }: IncomingMessage): boolean {
    if (this.#digest === undefined) return true;
    const given = /^bearer +([^ ]+) *$/i.exec(authorization)?.[1];
    return timingSafeEqual(digestOf(given ?? ""), this.#digest) && given !== undefined;
  }
}

/** Of the same length, whatever the token's is. */
function digestOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
