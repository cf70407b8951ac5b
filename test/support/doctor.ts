import type { Finding } from "../../src/doctor/finding.ts";
import { runCommand, type RunOptions } from "./run-command.ts";

/** What a run of `etcd-discovery doctor` has come to. */
export interface Diagnosis {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly findings: readonly Finding[];

  /** The findings of one check, each as `level where: seen`. */
  readonly of: (check: string) => string[];

  /** All that is not well, each as `level check where: seen`. */
  readonly wrong: string[];
}

/** Runs the built command, and reads its JSON. */
export async function doctor(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Diagnosis> {
  await using run = runCommand(["doctor", "--json", ...args], options);
  const { code, stderr, stdout } = await run.ended;
  const findings = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Finding);
  const line = ({ level, seen, where }: Finding, check = ""): string =>
    `${level}${check}${where === undefined ? "" : ` ${where}`}: ${seen}`;
  return {
    code,
    stdout,
    stderr,
    findings,
    of: (check) => findings.filter((each) => each.check === check).map((each) => line(each)),
    wrong: findings
      .filter(({ level }) => level !== "ok")
      .map((each) => line(each, ` ${each.check}`)),
  };
}

/** A host's record as it is on etcd. */
export function hostJson(
  service: string,
  uuid: string,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  const name = `${uuid}.internal`;
  return JSON.stringify({
    name,
    service_name: service,
    ports: { http: "8080" },
    private_hostname: name,
    private_ports: { http: "8080" },
    uuid,
    ...fields,
  });
}
