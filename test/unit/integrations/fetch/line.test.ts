import fc from "fast-check";
import { expect, test } from "vitest";
import { Line, Place } from "../../../../src/integrations/fetch/line.ts";

/** Who stands in line, looked through from its beginning, and from its end. */
function standing(line: Line<string>): { onwards: string[]; backwards: string[] } {
  const onwards: string[] = [];
  let last: Place<string> | undefined;
  for (let place = line.first; place !== undefined; place = place.after) {
    onwards.push(place.who);
    last = place;
  }
  const backwards: string[] = [];
  for (let place = last; place !== undefined; place = place.before) backwards.push(place.who);
  return { onwards, backwards };
}

test("who joins is last, who leaves is gone, in two lines at the side of each other", () => {
  const names = ["a", "b", "c", "d"];
  const act = fc.record({
    who: fc.nat(names.length - 1),
    line: fc.nat(1),
    what: fc.constantFrom("join", "join", "leave", "clear"),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      const lines = [new Line<string>(), new Line<string>()];
      const places = names.map((name) => new Place(name));
      const expected: string[][] = [[], []];
      for (const { who, line, what } of acts) {
        const place = places[who] as Place<string>;
        const own = lines[line] as Line<string>;
        if (what === "clear") {
          expect(own.clear()).toEqual(expected[line]);
          expected[line] = [];
        } else {
          if (what === "join") own.join(place);
          else own.leave(place);
          for (const [index, all] of expected.entries()) {
            // Who joins a line leaves the other one; who is to leave one stays in the other.
            if (what === "join" || index === line) {
              expected[index] = all.filter((name) => name !== place.who);
            }
          }
          if (what === "join") expected[line]?.push(place.who);
        }
        for (const [index, all] of expected.entries()) {
          const { onwards, backwards } = standing(lines[index] as Line<string>);
          expect(onwards).toEqual(all);
          expect(backwards).toEqual(all.toReversed());
        }
      }
    }),
  );
});

test("who has left knows nobody any more", () => {
  const line = new Line<string>();
  const places = ["a", "b", "c"].map((name) => new Place(name));
  for (const place of places) line.join(place);
  const [a, b, c] = places;
  b?.leave();
  expect(b).toEqual(new Place("b"));
  line.clear();
  expect([a, c]).toEqual([new Place("a"), new Place("c")]);
  expect(line).toEqual(new Line());
  // Once more is of no harm.
  b?.leave();
  expect(line.first).toBeUndefined();
});
