// Prints what failed and, as the last line, "N passed, N failed"; exits with 1 if anything failed.
// Arguments: vitest's JSON report, then the names of the stages that failed.
import { existsSync, readFileSync } from "node:fs";

const [path, ...stages] = process.argv.slice(2);
const report = path && existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : undefined;

const failures = stages.filter((stage) => stage !== "tests").map((stage) => `stage ${stage}`);
for (const file of report?.testResults ?? []) {
  const failed = file.assertionResults.filter((test) => test.status === "failed");
  failures.push(...failed.map((test) => `test ${test.fullName}`));
  if (file.status === "failed" && failed.length === 0) failures.push(`file ${file.name}`);
}
if (report === undefined) failures.push("tests: there is no report, they did not run to their end");
// An error outside any test, such as an unhandled rejection, fails the run but no test in it.
else if (failures.length === 0 && (!report.success || stages.length > 0))
  failures.push("the test run");

for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${report?.numPassedTests ?? 0} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;
