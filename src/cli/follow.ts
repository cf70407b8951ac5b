import { Catalogue, type CatalogueEvent } from "../catalogue/catalogue.ts";
import type { Host } from "../model/host.ts";
import type { CommandContext } from "./command-context.ts";
import { hostColumns, hostValue } from "./host-columns.ts";
import type { Output } from "./output.ts";
import { terminalText } from "./terminal-text.ts";

export interface Following {
  /** Default: all. */
  readonly services?: readonly string[] | undefined;
  readonly accepts?: ((host: Host) => boolean) | undefined;

  /** Whether the hosts that are there are told first, as `up`. */
  readonly existing: boolean;
  readonly showCredentials: boolean;
}

type HostNews = Extract<CatalogueEvent, { readonly host: Host }>;

/** Tells of every change of services, a line each, until the command is interrupted. What becomes of etcd is told on standard error. */
export async function follow(context: CommandContext, following: Following): Promise<void> {
  const { discovery, output, signal } = context;
  const { accepts = () => true, existing, services, showCredentials } = following;
  await using catalogue = new Catalogue(discovery, { services });
  const contact = new Contact(catalogue, context);
  catalogue.on((event) => {
    if (event.type === "freshness") contact.changed();
    else if ("host" in event && (catalogue.ready || existing) && accepts(event.host)) {
      tell(output, event, showCredentials);
    }
  });
  const watchdog = setInterval(() => contact.changed(), 1_000);
  try {
    await catalogue.waitReady({ signal });
    for (const { lastError } of catalogue.services.values()) if (lastError) throw lastError;
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(watchdog);
  }
}

/** Tells people when etcd is away, and when it is back. */
class Contact {
  readonly #catalogue: Catalogue;
  readonly #context: CommandContext;
  #told: "live" | "away" | undefined;

  constructor(catalogue: Catalogue, context: CommandContext) {
    this.#catalogue = catalogue;
    this.#context = context;
  }

  changed(): void {
    const { freshness, services } = this.#catalogue;
    const { output, where } = this.#context;
    const {
      ageMs,
      lastError = this.#context.discovery.health().etcd.lastError,
      source,
    } = freshness;
    if (source === "live") {
      if (this.#told === "away") output.note(`${clockTime()} etcd is back`);
      else if (this.#told === undefined) {
        output.note(
          `${clockTime()} following ${services.size === 1 ? "1 service" : `${services.size} services`} in ${where}`,
        );
      }
      this.#told = "live";
      return;
    }
    // At the start there is no contact yet, which is no news unless it lasts.
    if (this.#told === "away" || (source === "none" && ageMs < 1_000)) return;
    const since = clockTime(new Date(Date.now() - ageMs));
    const why = lastError === undefined ? "" : `: ${lastError.message}`;
    output.note(`etcd away since ${since}${why}; what comes and goes is told when it is back`);
    this.#told = "away";
  }
}

const marks = { up: "+", update: "~", down: "-" } as const;
const styles = { up: "green", update: "yellow", down: "red" } as const;

function tell(output: Output, event: HostNews, showCredentials: boolean): void {
  const { host, reason, service, type } = event;
  const now = new Date();
  const value = {
    time: now.toISOString(),
    type,
    service,
    reason,
    host: hostValue(host, showCredentials),
  };
  output.item(value, () => {
    const [, id, ...facts] = hostColumns.map(([, cell]) => cell(host));
    const words = [service, id, ...facts, reason].filter(
      (word) => word !== undefined && word !== "",
    );
    const text = `${marks[type]} ${type.padEnd(6)} ${terminalText(words.join("  "))}`;
    return `${clockTime(now)} ${output.paint(styles[type], text)}`;
  });
}

function clockTime(time = new Date()): string {
  return time.toTimeString().slice(0, 8);
}
