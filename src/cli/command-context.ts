import { Discovery } from "../discovery.ts";
import type { DiscoveryOptions } from "../discovery-options.ts";
import { UsageError } from "./usage-error.ts";
import { type ConnectionFlags, connectionOptions } from "./connection-flags.ts";
import type { Interruption } from "./interruption.ts";
import type { Output, OutputFlags } from "./output.ts";

/** The flags that every command takes. */
export interface GlobalFlags extends ConnectionFlags, OutputFlags {
  readonly debug?: boolean | undefined;
}

/** What a command works with. */
export class CommandContext {
  readonly output: Output;

  /** Aborted by Ctrl-C, SIGTERM and SIGHUP, and when nobody reads the output any longer: clean up and return. */
  readonly signal: AbortSignal;

  /**
   * Leaves signals to the command: `signal` is aborted by none any longer, those that are named are told to
   * the listener, and all others do what they do to any process. What came before is told at once.
   */
  readonly takeSignals: Interruption["handOver"];

  /** What follows `--` on the command line; undefined if there is no `--`. */
  readonly rest: readonly string[] | undefined;

  /** How etcd is reached, from flags and environment; as yet unchecked but for their form. */
  readonly options: DiscoveryOptions;
  readonly debug: boolean;

  /** Set by the command: the process ends when it has returned, whatever may still be under way. */
  endsAtOnce = false;
  #discovery: Discovery | undefined;

  /** Throws a `UsageError` or `INVALID_ARGUMENT`. */
  constructor(
    flags: GlobalFlags,
    surroundings: {
      readonly output: Output;
      readonly signal: AbortSignal;
      readonly takeSignals: Interruption["handOver"];
      readonly rest: readonly string[] | undefined;
    },
  ) {
    this.output = surroundings.output;
    this.signal = surroundings.signal;
    this.takeSignals = surroundings.takeSignals;
    this.rest = surroundings.rest;
    this.debug = flags.debug === true;
    const { output } = this;
    const tell =
      (level: string) =>
      (message: string, fields: object = {}) => {
        if (this.debug) output.note(`${level}: ${message} ${JSON.stringify(fields)}`);
      };
    this.options = {
      ...connectionOptions(flags),
      logger: {
        debug: tell("debug"),
        info: tell("info"),
        warn: (message, { service, error } = {}) => {
          const subject = typeof service === "string" ? `${service}: ` : "";
          const why = typeof error === "string" ? `: ${error}` : "";
          output.warn(`${subject}${message}${why}`);
        },
        error: tell("error"),
      },
    };
  }

  /** The discovery of this command, opened when it is first asked for, and closed after the command. */
  get discovery(): Discovery {
    this.#discovery ??= new Discovery(this.options);
    return this.#discovery;
  }

  /** Where etcd is looked for, for messages. */
  get where(): string {
    const { api = 3, endpoints = [], prefix = "" } = this.options;
    const under = prefix === "" ? "" : ` under ${prefix}`;
    return `etcd at ${endpoints.join(", ")}${under}${api === 2 ? " (API 2)" : ""}`;
  }

  /** Refuses what follows a `--`, which only some commands have a use for. */
  refuseRest(): void {
    if (this.rest !== undefined) throw new UsageError("nothing can follow -- here");
  }

  async close(): Promise<void> {
    await this.#discovery?.close();
  }
}
