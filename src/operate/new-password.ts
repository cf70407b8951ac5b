import { randomBytes } from "node:crypto";

/** A password that nobody can guess: 32 random bytes, in characters that need no encoding in URLs. */
export function newPassword(): string {
  return randomBytes(32).toString("base64url");
}
