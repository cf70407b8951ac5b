import { expect, test } from "vitest";
import { tableLines } from "../../../src/cli/table.ts";
import { terminalJson, terminalText } from "../../../src/cli/terminal-text.ts";

test("a table is as wide as its cells, without spaces at the ends of lines", () => {
  expect(
    tableLines(
      ["NAME", "SHARD"],
      [
        ["a-long-name", ""],
        ["b", "s-1"],
      ],
    ),
  ).toEqual(["NAME          SHARD", "a-long-name   -", "b             s-1"]);
  expect(tableLines(["NAME"], [])).toEqual(["NAME"]);
});

test("wide characters take two columns, marks none", () => {
  expect(
    tableLines(
      ["A", "B"],
      [
        ["世界", "x"],
        ["e\u0301", "x"],
        ["abcd", "x"],
      ],
    ),
  ).toEqual(["A      B", "世界   x", "e\u0301      x", "abcd   x"]);
});

test.each([
  ["plain text, ünïcode and 世界", "plain text, ünïcode and 世界"],
  ["\u001b[31mred\u0007", String.raw`\x1b[31mred\x07`],
  ["\u009b2J", String.raw`\x9b2J`],
  ["a\nb\tc", String.raw`a\x0ab\x09c`],
  ["a\u202eb\u2066c", String.raw`a\u202eb\u2066c`],
  ["a\u061cb", String.raw`a\u061cb`],
  ["a\u200bb\ufeff", String.raw`a\u200bb\ufeff`],
  ["half \ud800", "half \ufffd"],
])("text that could act on a terminal is shown as escapes: %j", (text, shown) => {
  expect(terminalText(text)).toBe(shown);
});

test("nor does JSON act on one, which means what it meant", () => {
  const value = { name: "\u009b2Ja\u202eb\u061c\u007f\u200d", "\u0085": "世界" };
  const shown = String.raw`{"name":"\u009b2Ja\u202eb\u061c\u007f\u200d","\u0085":"世界"}`;
  expect(terminalJson(value)).toBe(shown);
  expect(JSON.parse(shown)).toEqual(value);
});
