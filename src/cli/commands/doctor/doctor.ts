import { checkOptions } from "../../../discovery-options.ts";
import { examination, type Section } from "../../../doctor/examination.ts";
import type { Finding, Level } from "../../../doctor/finding.ts";
import { counted } from "../../../doctor/names.ts";
import { silentLogger } from "../../../logger.ts";
import { assertServiceName } from "../../../model/keys.ts";
import type { CommandContext } from "../../command-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import type { Output } from "../../output.ts";
import { terminalJson, terminalText } from "../../terminal-text.ts";

interface DoctorOptions {
  readonly readOnly?: boolean;
  readonly strict?: boolean;
}

/** How long all of it may take. */
const allMs = 30_000;

const marks: Readonly<Record<Level, string>> = { ok: "✓", warning: "!", problem: "✗" };
const styles = { ok: "green", warning: "yellow", problem: "red" } as const;

/** Says what is wrong, and what to do. */
export async function run(
  context: CommandContext,
  services: readonly string[],
  { readOnly = false, strict = false }: DoctorOptions,
): Promise<number> {
  context.refuseRest();
  const { options, output, signal } = context;
  for (const service of services) assertServiceName(service);
  // What it would warn of is among the findings.
  const { place, timeoutMs } = checkOptions({ ...options, logger: silentLogger });
  if (!("connection" in place)) throw new Error("there is no etcd to look at");
  const { connection } = place;
  const ending = new AbortController();
  const interrupted = (): void => ending.abort(signal.reason);
  signal.addEventListener("abort", interrupted, { once: true });
  // It also keeps the process alive, which neither sockets nor timers of this package do.
  const late = setTimeout(() => {
    ending.abort(new Error(`the ${allMs / 1_000} s are over that all of it may take`));
  }, allMs);
  const counts: Record<Level, number> = { ok: 0, warning: 0, problem: 0 };
  try {
    const subject = { connection, services, readOnly };
    for await (const section of examination(subject, { timeoutMs, signal: ending.signal })) {
      if (signal.aborted) break;
      if (!output.json && counts.ok + counts.warning + counts.problem > 0) output.line("");
      tell(output, section);
      for (const { level } of section.findings) counts[level] += 1;
    }
  } finally {
    clearTimeout(late);
    signal.removeEventListener("abort", interrupted);
  }
  if (signal.aborted) throw signal.reason;
  if (!output.json) output.line(`\n${summary(counts)}`);
  const failed = counts.problem > 0 || (strict && counts.warning > 0);
  return failed ? exitCodes.failed : exitCodes.ok;
}

function tell(output: Output, { findings, title }: Section): void {
  if (output.json) {
    for (const finding of findings) output.line(terminalJson(jsonOf(title, finding)));
    return;
  }
  output.line(output.paint("bold", title));
  for (const { level, remedy, seen, title, where = "" } of merged(findings)) {
    const text = terminalText(`${title}${where && ` ${where}`}: ${seen}`);
    output.line(`  ${output.paint(styles[level], marks[level])} ${text}`);
    if (remedy !== undefined) output.line(`      ${terminalText(remedy)}`);
  }
}

/** Checks that have one and the same to say are told on one line, such as that nothing could be checked. */
function merged(findings: readonly Finding[]): readonly Finding[] {
  const lines: Finding[] = [];
  for (const finding of findings) {
    const last = lines.at(-1);
    const { level, remedy, seen, where } = finding;
    const isSame = last?.level === level && last.seen === seen && last.where === where;
    if (last === undefined || !isSame || remedy !== undefined) lines.push(finding);
    else lines[lines.length - 1] = { ...last, title: `${last.title}, ${finding.title}` };
  }
  return lines;
}

function jsonOf(section: string, { check, level, remedy, seen, title, where }: Finding): object {
  return { level, section, check, title, where, seen, remedy };
}

function summary({ ok, problem, warning }: Record<Level, number>): string {
  const bad =
    problem + warning === 0
      ? "Nothing is wrong"
      : `${counted(problem, "problem")}, ${counted(warning, "warning")}`;
  return `${bad}; ${ok} looked at and fine.`;
}
