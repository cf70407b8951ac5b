import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folder } from "./stage.ts";

/** Where a test runs the demo: it is older than the other examples. */
const elsewhere = ["demo/main.js"];

/** Modules of a program, which are run by it. */
const parts = (path: string): boolean =>
  path === "grpc/greeter.js" || (path.startsWith("demo/") && path !== "demo/main.js");

test("every program in examples/ is run by a test, and told of in its README", () => {
  const programs = readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => path.replaceAll("\\", "/"))
    .filter((path) => /\.(js|py)$/.test(path) && !parts(path));
  const tests = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".test.ts") && name !== "all.test.ts")
    .map((name) => readFileSync(join(import.meta.dirname, name), "utf8"))
    .join("\n");
  const readme = readFileSync(join(folder, "README.md"), "utf8");
  expect(programs.length).toBeGreaterThan(6);
  const run = programs.filter((path) => elsewhere.includes(path) || tests.includes(`${path}"`));
  expect(run).toEqual(programs);
  expect(programs.filter((path) => readme.includes(`(${path})`))).toEqual(programs);
});
