import { expect, test } from "vitest";
import { painter } from "../../../src/cli/colour.ts";

const terminal = { isTTY: true };
const pipe = {};

test.each<
  [string, { readonly isTTY?: boolean }, Record<string, string>, boolean | undefined, boolean]
>([
  ["a terminal", terminal, {}, undefined, true],
  ["a pipe", pipe, {}, undefined, false],
  ["a pipe with --color", pipe, {}, true, true],
  ["a terminal with --no-color", terminal, { FORCE_COLOR: "1" }, false, false],
  ["a terminal with NO_COLOR", terminal, { NO_COLOR: "1" }, undefined, false],
  ["an empty NO_COLOR is none", terminal, { NO_COLOR: "" }, undefined, true],
  ["a pipe with FORCE_COLOR", pipe, { FORCE_COLOR: "1" }, undefined, true],
  ["an empty FORCE_COLOR is none", pipe, { FORCE_COLOR: "" }, undefined, false],
  ["FORCE_COLOR=0", terminal, { FORCE_COLOR: "0" }, undefined, false],
  ["a dumb terminal", terminal, { TERM: "dumb" }, undefined, false],
  ["CI says nothing of colours", terminal, { CI: "1" }, undefined, true],
])("%s", (_what, stream, env, flag, coloured) => {
  expect(painter(stream, env, flag)("red", "x") !== "x").toBe(coloured);
});
