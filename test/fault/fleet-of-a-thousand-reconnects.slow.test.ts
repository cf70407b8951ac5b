import { test } from "vitest";
import { fleetComesBack } from "../support/reconnect.ts";

test("1,000 clients come back spread over time when etcd was restarted", async () => {
  await fleetComesBack({ size: 1_000, processes: 4, awayMs: 10_000, watchedMs: 8_000 });
});
