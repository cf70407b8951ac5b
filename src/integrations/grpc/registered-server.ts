import type { Server } from "@grpc/grpc-js";
import { abortable, settledWithin } from "../../async/abort.ts";
import { systemClock } from "../../async/clock.ts";
import { closeOn } from "../../close-on.ts";
import { refuse } from "../../model/refuse.ts";
import type { Registration } from "../../register/registration.ts";
import { checkLeaveOptions, type LeaveOptions, type LeaveSettings } from "./server-options.ts";

/** A server that serves, and that is registered as a host of a service. */
export class RegisteredServer implements AsyncDisposable {
  /** How it is registered. */
  readonly registration: Registration;

  /** The port that it is bound to. */
  readonly port: number;
  readonly #server: Server;
  readonly #settings: LeaveSettings;
  #leaving: Promise<void> | undefined;

  /** @internal */
  constructor(server: Server, registration: Registration, port: number, leaving: LeaveSettings) {
    this.#server = server;
    this.#settings = leaving;
    this.registration = registration;
    this.port = port;
  }

  /**
   * Takes the server out of service, so that no call of a client that follows the service fails: it
   * is marked as draining, which sends new calls to others, unregistered after a while, and shut down
   * when the calls that it still has have ended, or have had their time.
   *
   * The first call decides how; further ones wait for it. An abort ends everything at once, with the
   * calls that are under way, and rejects with the signal's reason. Throws `INVALID_ARGUMENT`.
   */
  leave(options?: LeaveOptions | undefined): Promise<void> {
    const settings = checkLeaveOptions(options, this.#settings);
    this.#leaving ??= this.#leave(settings);
    return abortable(this.#leaving, settings.signal);
  }

  /** Leaves on one of these signals, and then lets the process end by that signal. In place of `discovery.closeOn`, which takes no time over it. Returns its undo. */
  leaveOn(...signals: NodeJS.Signals[]): () => void {
    if (signals.length === 0) refuse("signals", 'name at least one, such as "SIGTERM"');
    return closeOn({ close: () => this.leave() }, signals);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }

  async #leave({ delayMs, graceMs, signal }: ReturnType<typeof checkLeaveOptions>): Promise<void> {
    try {
      await this.registration.drain({ delayMs, signal });
      const shutDown = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
      if (await abortable(settledWithin(systemClock, graceMs, shutDown), signal)) return;
    } catch (error) {
      // Not waited for, as the abort is not to wait.
      void this.registration.unregister();
      this.#server.forceShutdown();
      throw error;
    }
    this.#server.forceShutdown();
  }
}
