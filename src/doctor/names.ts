import { quote } from "../model/refuse.ts";

/** What nobody sees. */
const invisible = /[\p{Cf}\uFE00-\uFE0F]/gu;

/** Letters of other scripts that look like a Latin one, in lower case. */
const lookAlikes: Readonly<Record<string, string>> = {
  а: "a",
  е: "e",
  о: "o",
  р: "p",
  с: "c",
  у: "y",
  х: "x",
  і: "i",
  ј: "j",
  ѕ: "s",
  ο: "o",
  α: "a",
  ν: "v",
  ι: "i",
  ρ: "p",
  ѵ: "v",
  ı: "i",
  "‐": "-",
  "‑": "-",
  "–": "-",
  "—": "-",
  "−": "-",
};

/** The same for all names that people take for one another: without case, look-alikes and what cannot be seen. */
export function skeleton(name: string): string {
  const plain = name.normalize("NFKC").toLowerCase().normalize("NFKC").replace(invisible, "");
  return Array.from(plain.trim(), (letter) => lookAlikes[letter] ?? letter).join("");
}

/** How two names differ that look alike. */
export function difference(one: string, other: string): string {
  if (one.trim() === other.trim()) return "in white space at the ends";
  if (one.toLowerCase() === other.toLowerCase()) return "in case";
  if (one.normalize("NFC") === other.normalize("NFC")) return "in how accents are encoded";
  return "in characters that look alike or cannot be seen";
}

/** A host of a service, as messages name it. */
export function hostName({
  id,
  service,
}: {
  readonly id: string;
  readonly service: string;
}): string {
  return `host ${quote(id)} of service ${quote(service)}`;
}

/** A service, as messages name it. */
export function serviceName(service: string): string {
  return `service ${quote(service)}`;
}

/** A number of things, such as `1 host` and `2 hosts`. */
export function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}

/** Some of these, and how many more there are. */
export function some(names: readonly string[], most = 3): string {
  const more = names.length - most;
  return names.slice(0, most).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
