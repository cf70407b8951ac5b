import { test } from "vitest";
import { fleetComesBack } from "../support/reconnect.ts";

test("60 clients come back spread over time when etcd was restarted", async () => {
  await fleetComesBack({ size: 60, processes: 1, awayMs: 2_000, watchedMs: 2_500 });
}, 60_000);
