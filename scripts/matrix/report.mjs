import { existsSync, readFileSync } from "node:fs";

/** What vitest's JSON report says; nothing if the tests did not get to their end. */
export function readReport(path) {
  if (!existsSync(path)) return { passed: 0, failed: [], skipped: 0, success: false };
  const report = JSON.parse(readFileSync(path, "utf8"));
  const failed = report.testResults.flatMap((file) => {
    const tests = file.assertionResults.filter(({ status }) => status === "failed");
    if (tests.length === 0 && file.status === "failed") return [`${file.name}: ${file.message}`];
    return tests.map(({ fullName }) => fullName);
  });
  return {
    passed: report.numPassedTests,
    failed,
    skipped: report.numPendingTests,
    success: report.success,
  };
}

/** Why a run is red; nothing: it is green. */
export function failuresOf({ passed, failed, success, code, log }) {
  if (failed.length > 0) return failed;
  if (code !== 0 || !success) return [`the run itself (exit code ${code}), see ${log}`];
  return passed === 0 ? ["nothing: there was no test to run"] : [];
}

/** One line a run, in columns. */
export function table(rows) {
  const lines = [
    ["NODE.JS", "PASSED", "FAILED", "SKIPPED", "TIME", "RESULT"],
    ...rows.map((row) => [
      row.version,
      String(row.passed),
      String(row.failed.length),
      String(row.skipped),
      `${row.seconds.toFixed(0)} s`,
      failuresOf(row).length === 0 ? "green" : `RED, see ${row.log}`,
    ]),
  ];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
