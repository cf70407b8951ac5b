import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { examination } from "../../../src/doctor/examination.ts";
import {
  type Check,
  examine,
  fine,
  limited,
  problem,
  warning,
} from "../../../src/doctor/finding.ts";
import { ask } from "../../../src/doctor/told.ts";
import { silentLogger } from "../../../src/logger.ts";
import { lines } from "./facts.ts";

test("a check that fails by its own fault says so, and stops no other", () => {
  const broken: Check<number> = {
    name: "broken",
    title: "Broken",
    look: () => {
      throw new Error("oh");
    },
  };
  const whole: Check<number> = {
    name: "whole",
    title: "Whole",
    look: (facts) => [fine(`${facts}`)],
  };
  expect(examine([broken, whole], 5)).toMatchObject([
    { check: "broken", level: "warning", seen: "not checked: the check itself failed: oh" },
    { check: "whole", level: "ok", seen: "5" },
  ]);
});

test("of many the rest is counted, and as bad as the worst of it", () => {
  const many = Array.from({ length: 25 }, () => warning("w"));
  expect(lines(limited(many)).slice(19)).toEqual(["warning: w", "warning: and 5 more like these"]);
  expect(lines(limited([...many, problem("p")])).at(-1)).toBe("problem: and 6 more like these");
  expect(limited(many.slice(0, 20))).toHaveLength(20);
});

test("a question has an end, whatever comes of it", async () => {
  const { signal } = new AbortController();
  const never = () => new Promise<never>(() => {});
  expect(await ask({ timeoutMs: 10, signal }, never)).toMatchObject({
    told: false,
    why: "there was no answer within 10 ms",
  });
  expect(await ask({ timeoutMs: 1_000, signal }, async () => 5)).toEqual({ told: true, value: 5 });
  const failing = async () => {
    throw new Error("no");
  };
  expect(await ask({ timeoutMs: 1_000, signal }, failing)).toMatchObject({ why: "no" });
  const ending = new AbortController();
  const asked = ask({ timeoutMs: 60_000, signal: ending.signal }, never);
  ending.abort(new Error("enough"));
  expect(await asked).toMatchObject({ told: false, why: "enough" });
});

test("when there is no time left at all every check says that it was not made", async () => {
  const connection = {
    endpoints: ["http://127.0.0.1:1"],
    tls: undefined,
    auth: undefined,
    prefix: "",
    api: 3,
    logger: silentLogger,
  } as const;
  const signal = AbortSignal.abort(new Error("time is up"));
  const findings = [];
  const subject = { connection, services: [], readOnly: false };
  for await (const section of examination(subject, { timeoutMs: 1_000, signal })) {
    findings.push(...section.findings);
  }
  expect(findings[0]).toMatchObject({ level: "problem", seen: "does not answer: time is up" });
  expect(findings.filter(({ level }) => level === "ok").map(({ check }) => check)).toEqual(["tls"]);
  const checks = [...new Set(findings.map(({ check }) => check))];
  expect(checks).toHaveLength(21);
  // The page has a row for each of them, in the same order.
  const page = readFileSync(join(import.meta.dirname, "../../../docs/doctor.md"), "utf8");
  const rows = [...page.matchAll(/^\| `([a-z-]+)` +\|/gm)].map(([, name]) => name);
  expect(rows.filter((name) => name !== "check")).toEqual(checks);
});
