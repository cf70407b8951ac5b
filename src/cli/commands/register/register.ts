import { settledWithin } from "../../../async/abort.ts";
import { systemClock } from "../../../async/clock.ts";
import { KeepAlive } from "../../../async/keep-alive.ts";
import { Discovery } from "../../../discovery.ts";
import { type HostOptions, prepareHost } from "../../../model/host-options.ts";
import { assertServiceName } from "../../../model/keys.ts";
import { checkSettings } from "../../../register/checks/check-settings.ts";
import type { CommandContext } from "../../command-context.ts";
import type { ExitStatus } from "../../exit-codes.ts";
import { checkFromFlags } from "./check-from-flags.ts";
import { hostFromFlags } from "./host-from-flags.ts";
import { News } from "./news.ts";
import type { RegisterFlags } from "./register-flags.ts";
import { runOptions } from "./run-options.ts";
import { type Course, runProgram } from "./run-program.ts";
import { waitForSignal } from "./wait-for-signal.ts";

/** How long giving the lease back may take, once the host is unregistered. */
const closeMs = 1_000;

/** Keeps a host registered while a command runs, or until it is interrupted. */
export function run(
  context: CommandContext,
  [service = ""]: readonly string[],
  flags: RegisterFlags,
): Promise<ExitStatus> {
  // Sockets and timers do not keep the process alive, and there is an order to be kept to the end.
  return new KeepAlive().during(register(context, service, flags));
}

async function register(
  context: CommandContext,
  service: string,
  flags: RegisterFlags,
): Promise<ExitStatus> {
  const options = runOptions(flags, context.rest);
  const { command, ttlSeconds } = options;
  const host = hostFromFlags(flags);
  const check = checkFromFlags(flags);
  assertRegistrable(service, host, check);
  // A log that nobody reads must cost neither the lease nor the signals.
  context.output.neverWait();
  const news = new News(context.output, service, command);
  const logger = news.logger(context.options.logger);
  const discovery = new Discovery({ ...context.options, ttlSeconds, logger });
  // Should anything fail from here on, no registration keeps the process; its lease ends the record.
  context.endsAtOnce = true;
  let off = false;
  const course: Course = {
    options,
    news,
    register: () => {
      const registration = discovery.register(service, host, { check });
      news.follow(registration);
      return registration;
    },
    left: (confirmed) => {
      off = confirmed;
      news.left(confirmed);
    },
  };
  const status = await (command === undefined
    ? waitForSignal(context, course)
    : runProgram(context, command, course));
  // With an etcd that does not answer there is nothing more to wait for.
  const closed = off && (await settledWithin(systemClock, closeMs, discovery.close()));
  context.endsAtOnce = !closed;
  return status;
}

/** Throws `INVALID_ARGUMENT` for what could not be registered, before anything is run. */
function assertRegistrable(
  service: string,
  host: HostOptions,
  check: ReturnType<typeof checkFromFlags>,
): void {
  assertServiceName(service);
  checkSettings(check, prepareHost(service, host).record);
}
