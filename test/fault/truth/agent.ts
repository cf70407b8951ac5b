import type { Discovery, DiscoveryOptions } from "../../../src/index.ts";
import { Actor } from "./actor.ts";
import type { Command, News } from "./commands.ts";

/** What a process is started with. */
export interface AgentOptions {
  /** The built package. */
  readonly entry: string;
  readonly discovery: DiscoveryOptions;
}

/** How often the process makes sure that it runs. */
const pulseMs = 150;

/** A message to the process. */
export interface Order {
  readonly about: number;
  readonly command: Command;
}

const { entry, discovery: options } = JSON.parse(process.argv[2] ?? "") as AgentOptions;
const say = (news: News): void => void process.send?.(news);
process.on("uncaughtException", (error) => say({ fault: `uncaught: ${error.stack}` }));
process.on("warning", (warning) => say({ fault: `warning: ${warning.stack}` }));

const { Discovery: BuiltDiscovery } = (await import(entry)) as { Discovery: typeof Discovery };
const start = performance.now();
const log = (level: string, name: string) => (message: string, fields?: unknown) => {
  const at = Math.round(performance.now() - start);
  const text = `${at} ${name} ${level}: ${message} ${JSON.stringify(fields, jsonOf) ?? ""}`;
  say(level === "error" ? { fault: text } : { log: text });
};
const jsonOf = (_: string, value: unknown): unknown =>
  value instanceof Error ? value.stack : value;

let wokeAt = performance.now();
const pulse = setInterval(() => {
  const stalledMs = performance.now() - wokeAt - pulseMs;
  if (stalledMs > pulseMs) say({ stalledMs });
  wokeAt = performance.now();
}, pulseMs);
pulse.unref();

/** But for the pipes, which are this process's own. */
const resources = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap");

const open = (name: string): Discovery => {
  const logger = {
    debug: log("debug", name),
    info: log("info", name),
    warn: log("warn", name),
    error: log("error", name),
  };
  return new BuiltDiscovery({ ...options, logger });
};
const actor = new Actor(open, say, resources);
process.on("message", ({ about, command }: Order) => {
  if (command.do === "end") {
    // From its end on nothing of ours keeps the process alive.
    process.channel?.unref();
    clearInterval(pulse);
  }
  actor.perform(about, command);
});
// Whoever gives the orders is gone.
process.on("disconnect", () => process.exit(1));
say({ log: "started" });
