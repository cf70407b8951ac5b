import fc from "fast-check";
import { expect, it } from "vitest";
import { HostList } from "../../../src/find/host-list.ts";
import { Host } from "../../../src/model/host.ts";
import { hostRecord } from "./stage.ts";

const id = fc.integer({ min: 0, max: 9 }).map(String);
const steps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ kind: fc.constant("put" as const), id }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("delete" as const), id }) },
    { weight: 1, arbitrary: fc.constant({ kind: "look" as const }) },
  ),
  { maxLength: 200 },
);

it("is the same as one that is made anew, whenever it is looked at", () => {
  const run = fc.property(steps, (all) => {
    const known = new Map<string, Host>();
    const list = new HostList(() => known.values());
    for (const step of all) {
      if (step.kind === "look") {
        expect([...list.hosts]).toEqual([...known.values()]);
        continue;
      }
      const previous = known.get(step.id);
      if (step.kind === "put") {
        const host = new Host(hostRecord(step.id));
        known.set(step.id, host);
        list.changed(previous, host);
      } else if (known.delete(step.id)) list.changed(previous, undefined);
    }
    expect(list.hosts.length).toBe(known.size);
    expect([...known.values()].every((host, index) => list.hosts[index] === host)).toBe(true);
  });
  fc.assert(run);
});

it("is made from all hosts once, however often one of them changes between two looks", () => {
  const known = new Map(["a", "b"].map((each) => [each, new Host(hostRecord(each))]));
  let made = 0;
  const list = new HostList(() => {
    made += 1;
    return known.values();
  });
  for (let round = 0; round < 1_000; round += 1) {
    const next = new Host(hostRecord("a"));
    list.changed(known.get("a"), next);
    known.set("a", next);
    expect(list.hosts[0]).toBe(next);
  }
  expect(made).toBe(1);
});
