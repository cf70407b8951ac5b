import { basename } from "node:path";
import type { Logger } from "../../../logger.ts";
import type { Registration } from "../../../register/registration.ts";
import type { Output } from "../../output.ts";
import type { ProgramEnd } from "./exit-status.ts";

/** Tells on standard error what becomes of a registration and of the command it is for, a line each. */
export class News {
  readonly #output: Output;
  readonly #service: string;
  readonly #program: string;

  /** Of a command its name alone is shown: arguments may be secrets. */
  constructor(output: Output, service: string, command: readonly string[] | undefined) {
    this.#output = output;
    this.#service = service;
    this.#program = basename(command?.[0] ?? "");
  }

  /** The states of a registration, from now on. */
  follow(registration: Registration): void {
    const { uuid } = registration;
    const texts: Readonly<Record<string, string>> = {
      registered: `registered as ${uuid}`,
      draining: `draining: gets no new work while others live`,
      lost: `not registered any more; put back as soon as etcd takes it`,
      unhealthy: `withdrawn until it is well again`,
    };
    registration.on("state", (state) => {
      const text = texts[state];
      const error = registration.lastError?.message;
      if (text !== undefined) this.#tell(state, text, { uuid, error });
    });
    registration.on("credentials", () =>
      this.#tell("credentials", "another host has given the service new credentials", { uuid }),
    );
    registration.waitRegistration().catch((error: Error) => {
      if (registration.state !== "closed") this.#refused(error.message);
    });
  }

  /** Takes the library's warnings over. */
  logger(other: Logger | undefined): Logger {
    return {
      debug: (...said) => other?.debug(...said),
      info: (...said) => other?.info(...said),
      error: (...said) => other?.error(...said),
      warn: (message, fields = {}) => {
        const why = fields["error"] ?? fields["reason"];
        this.#tell("warning", typeof why === "string" ? `${message}: ${why}` : message);
      },
    };
  }

  started(pid: number): void {
    this.#tell("started", `started ${this.#program} (pid ${pid})`, { pid });
  }

  notStarted(error: NodeJS.ErrnoException): void {
    const { code = "" } = error;
    const reasons: Readonly<Record<string, string>> = {
      ENOENT: "there is no such program",
      EACCES: "it cannot be run by this user",
    };
    this.#tell("failed", `cannot run ${this.#program}: ${reasons[code] ?? error.message}`, {
      code,
    });
  }

  stopping(signal: NodeJS.Signals): void {
    this.#tell("stopping", `${signal}: unregistering`, { signal });
  }

  left(confirmed: boolean): void {
    if (confirmed) this.#tell("unregistered", "unregistered");
    else
      this.#tell("unconfirmed", "not confirmed by etcd: the record ends by itself, with its lease");
  }

  signalling(signal: NodeJS.Signals): void {
    this.#tell("signalling", `${signal} to ${this.#program}`, { signal });
  }

  ended({ code, signal }: ProgramEnd): void {
    const how = signal === null ? `ended with status ${code}` : `was ended by ${signal}`;
    this.#tell("ended", `${this.#program} ${how}`, { code, signal });
  }

  crashed(error: unknown): void {
    this.#tell("failed", `failed, and stops ${this.#program}: ${String(error)}`);
  }

  #refused(message: string): void {
    this.#tell("refused", `not registered, and tried again: ${message}`);
  }

  #tell(event: string, text: string, facts: object = {}): void {
    const service = this.#service;
    const value = { time: new Date().toISOString(), event, service, ...facts, message: text };
    this.#output.news(value, `etcd-discovery: ${service}: ${text}`);
  }
}
