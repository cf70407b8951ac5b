/** Names of metadata whose values are nobody's business. */
const secretNames =
  /pass(word|wd|phrase)|pass$|pwd|secret|token|(api|access|private|signing|encryption)[-_.]?key|credential|authorization|auth$/i;

/** What signs in in front of the `@` of a url. */
const userInfo = /(?<=\/\/)[^/?#\s@]*(?:@[^/?#\s@]*)*@/g;

/** Shown in place of what is not. */
export const hidden = "(hidden)";

/**
 * A value of a host's metadata, fit to be shown. Nobody should write a secret there; if its name says that it
 * is one, if it has the host's password in it, or a url with a user, that is kept back.
 */
export function withoutSecrets(name: string, value: string, password: string): string {
  if (secretNames.test(name)) return hidden;
  if (password !== "" && carries(value, password)) return hidden;
  return value.replace(userInfo, `${hidden}@`);
}

/** A short password is in many texts by chance: of such a one only what is nothing else. */
function carries(value: string, password: string): boolean {
  if (value === password) return true;
  if (password.length < 6) return false;
  return value.includes(password) || value.includes(encodeURIComponent(password));
}
