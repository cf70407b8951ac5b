import { expect, test } from "vitest";
import { OwnRecords } from "../../../src/register/own-records.ts";
import type { Store, WatchObserver, WatchTarget } from "../../../src/store/store.ts";
import { memoryStore } from "../../../src/testing/index.ts";

test("own records may be watched a moment later, but not again after something was missed", () => {
  const watched: { target: WatchTarget; observer: WatchObserver }[] = [];
  const store: Store = Object.assign(memoryStore(), {
    watch: (target: WatchTarget, observer: WatchObserver) => {
      watched.push({ target, observer });
      return { close() {} };
    },
  });
  const nothing = { changed() {}, found() {}, lost() {}, ended() {} };
  const records = new OwnRecords(store, "api", nothing);
  records.follow(3, new Map([["a", 4]]));
  watched[0]?.observer.ended("compacted", new Error("missed"));
  records.follow(7, new Map([["a", 4]]));
  expect(watched.map(({ target }) => target)).toEqual([
    { service: "api", part: "info", from: 4, patient: true },
    { service: "api", part: { host: "a" }, from: 5, patient: true },
    { service: "api", part: "info", from: 8, patient: false },
  ]);
});
