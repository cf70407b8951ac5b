import { inspect } from "node:util";
import type { Logger } from "../../src/logger.ts";

/** A logger that keeps what it is told. */
export interface RecordingLogger extends Logger {
  readonly lines: {
    readonly level: keyof Logger;
    readonly message: string;
    readonly fields: unknown;
  }[];

  /** Everything as it would be printed. */
  text(): string;
}

export function recordingLogger(): RecordingLogger {
  const lines: RecordingLogger["lines"] = [];
  const level = (name: keyof Logger) => (message: string, fields: unknown) =>
    void lines.push({ level: name, message, fields });
  return {
    lines,
    text: () => inspect(lines, { depth: 10 }),
    debug: level("debug"),
    info: level("info"),
    warn: level("warn"),
    error: level("error"),
  };
}
