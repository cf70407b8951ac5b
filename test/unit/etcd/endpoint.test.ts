import { expect, test } from "vitest";
import { Endpoint } from "../../../src/store/etcd/endpoint.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { ScriptedChannel } from "../../support/scripted-channel.ts";

function failedOften(times: number) {
  const clock = manualClock();
  const options = { clock, random: () => 0.5, onNews() {} };
  const endpoint = new Endpoint("a", new ScriptedChannel(), options);
  for (let i = 0; i < times; i += 1) endpoint.failed(new Error("refused"));
  return { clock, endpoint, options };
}

test("one that failed often is never put off for more than a few seconds", () => {
  const { clock, endpoint } = failedOften(100);
  expect(endpoint.expectedMs(clock.now())).toBeLessThanOrEqual(3_000);
});

test("failures of long ago do not count: another that fails now is not preferred", async () => {
  const { clock, endpoint, options } = failedOften(100);
  await clock.advance(60_000);
  expect(endpoint.expectedMs(clock.now())).toBe(0);
  const other = new Endpoint("b", new ScriptedChannel(), options);
  other.failed(new Error("refused"));
  expect(other.expectedMs(clock.now())).toBeGreaterThan(0);
});
