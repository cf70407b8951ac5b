import { expect, test } from "vitest";
import { silentLogger } from "../../../src/logger.ts";
import { Authentication } from "../../../src/store/etcd3/authentication.ts";
import { manualClock } from "../../../src/testing/index.ts";

test("a function that never says who the user is holds up nobody for ever, and is asked again", async () => {
  const clock = manualClock();
  let asked = 0;
  const authentication = new Authentication({
    user: () => {
      asked += 1;
      return asked === 1 ? new Promise(() => {}) : { username: "alice", password: "secret" };
    },
    signIn: async () => "token",
    clock,
    logger: silentLogger,
  });
  const [first] = await Promise.allSettled([
    authentication.ready(undefined),
    clock.advance(12_000),
  ]);
  expect(first).toMatchObject({ reason: { code: "UNAUTHENTICATED" } });
  await clock.advance(60_000);
  expect(await authentication.ready(undefined)).toMatchObject({ token: "token" });
  expect(asked).toBe(2);
  expect(clock.timers).toBe(0);
});
