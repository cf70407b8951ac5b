import { type Logger, silentLogger } from "./logger.ts";
import { refuse } from "./model/refuse.ts";

/** The logger to use for the one that was given. Throws `INVALID_ARGUMENT` for what is none. */
export function checkedLogger(logger: Logger | undefined): Logger {
  if (logger === undefined) return silentLogger;
  for (const level of ["debug", "info", "warn", "error"] as const) {
    if (typeof (logger as Partial<Logger> | null)?.[level] !== "function") {
      refuse(`logger.${level}`, "must be a function (message, fields) => void");
    }
  }
  return guarded(logger);
}

/** What a logger throws must not change what is logged about. */
function guarded(logger: Logger): Logger {
  const guard =
    (level: keyof Logger): Logger[keyof Logger] =>
    (message, fields) => {
      try {
        // An async logger is allowed, and its failure as harmless as a throw.
        const result: unknown = logger[level](message, fields);
        if (result instanceof Promise) result.catch(() => {});
      } catch {
        // There is nobody left to tell.
      }
    };
  return { debug: guard("debug"), info: guard("info"), warn: guard("warn"), error: guard("error") };
}
