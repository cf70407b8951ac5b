import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "vitest";
import { temporaryFolder } from "../support/temporary-folder.ts";

const scripts = join(import.meta.dirname, "../../scripts");
const reports = pathToFileURL(join(scripts, "matrix/report.mjs")).href;

/** What an expression is, with `table`, `failuresOf` and `readReport` at hand. */
function evaluate(expression: string): unknown {
  const source = `import { failuresOf, readReport, table } from ${JSON.stringify(reports)};
    console.log(JSON.stringify(${expression}));`;
  const args = ["--input-type=module", "-e", source];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (stderr !== "") throw new Error(stderr);
  return JSON.parse(stdout);
}

const green = { passed: 3, failed: [], skipped: 1, success: true, code: 0, log: "a.log" };

test.each([
  ["all is well", green, []],
  ["a test fails", { ...green, failed: ["adds"], success: false, code: 1 }, ["adds"]],
  ["the run fails, and no test", { ...green, code: 1 }, [expect.stringContaining("a.log")]],
  ["an error is outside of all tests", { ...green, success: false }, [expect.any(String)]],
  ["nothing is run", { ...green, passed: 0 }, ["nothing: there was no test to run"]],
])("the matrix, when %s", (_, run, failures) => {
  expect(evaluate(`failuresOf(${JSON.stringify(run)})`)).toEqual(failures);
});

test("the matrix is red where there is no report, and names what failed where there is", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "report.json");
  const read = `readReport(${JSON.stringify(path)})`;
  expect(evaluate(`failuresOf({ ...${read}, code: 0, log: "a.log" })`)).toHaveLength(1);
  const passed = { status: "passed", fullName: "a passes" };
  const failed = { status: "failed", fullName: "b fails" };
  const report = {
    ...{ numPassedTests: 1, numPendingTests: 0, success: false },
    testResults: [
      { name: "a.test.ts", status: "failed", assertionResults: [passed, failed] },
      { name: "c.test.ts", status: "failed", assertionResults: [], message: "no such module" },
    ],
  };
  writeFileSync(path, JSON.stringify(report));
  expect(evaluate(`${read}.failed`)).toEqual(["b fails", "c.test.ts: no such module"]);
});

test("the matrix prints a table", () => {
  const rows = [
    { ...green, version: "20.19.0", seconds: 199.6 },
    { ...green, version: "22.23.5", seconds: 7, passed: 2, failed: ["adds"] },
  ];
  expect(evaluate(`table(${JSON.stringify(rows)})`)).toBe(
    [
      "NODE.JS  PASSED  FAILED  SKIPPED  TIME   RESULT",
      "20.19.0  3       0       1        200 s  green",
      "22.23.5  2       1       1        7 s    RED, see a.log",
    ].join("\n"),
  );
});

test("the matrix knows the versions that the package is for, and no others", () => {
  const args = [join(scripts, "matrix.mjs"), "--node", "20,18"];
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect([status, stderr]).toEqual([1, 'test:matrix: --node: "18" is none of 20, 22, 24\n']);
});
