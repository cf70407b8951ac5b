import { expect, test } from "vitest";
import { markedRecord } from "../../../src/operate/marked-record.ts";
import { byHand } from "./operate-stage.ts";

function marked(text: string, draining: boolean): string {
  const { record, value } = byHand("a", text);
  if (record === undefined) throw new Error("it cannot be read");
  return Buffer.from(markedRecord(value, record, draining)).toString();
}

const plain =
  '{"name":"a.dev","service_name":"api","ports":{"http":"80"},"password":"\\u003c","uuid":"a","metadata":{"10":"x","9":"y"}}';
const draining = plain.replace(/}$/, ',"draining":true}');

test("a record is changed in nothing but the mark, byte for byte", () => {
  expect(marked(plain, true)).toBe(draining);
  expect(marked(draining, false)).toBe(plain);
});

test("numbers that JavaScript does not have stay what they are", () => {
  const foreign = '{"name":"a.dev","ports":{"http":"80"},"id":12345678901234567890,"x":1.0}';
  const ordered = foreign.replace(/}$/, ',"draining":true}');
  expect(marked(foreign, true)).toBe(ordered);
  expect(marked(`${foreign.slice(0, -1)} }\n`, true)).toBe(ordered);
  expect(marked(ordered, false)).toBe(foreign);
});

test("what other programs write that this one does not know stays in it", () => {
  const foreign = '{ "Name": "a.dev", "later": { "x": [1, "<"] }, "DRAINING": false, "ports": {} }';
  const kept = '"Name":"a.dev","later":{"x":[1,"\\u003c"]},"ports":{}';
  expect(marked(foreign, true)).toBe(`{${kept},"draining":true}`);
  expect(marked(`{${kept},"Draining":true}`, false)).toBe(`{${kept}}`);
});
