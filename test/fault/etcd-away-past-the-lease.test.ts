import { describe, expect, test } from "vitest";
import { measured } from "../support/measured.ts";
import { backMs, liveThrough, outages } from "../support/outage.ts";

describe.concurrent(
  "registrations are back within 2 s, with the same uuid and the newest record, after 3 s with a lease of 2 s without an etcd",
  { timeout: 60_000 },
  () => {
    test.each(Object.entries(outages))("%s", async (name, outage) => {
      const { tookMs, ownMs } = await liveThrough(outage, { awayMs: 3_000, ttlSeconds: 2 });
      measured(`away for 3 s: an etcd ${name}`, tookMs);
      expect(ownMs).toBeLessThan(backMs);
    });
  },
);
