import { describe, expect, test } from "vitest";
import { measured } from "../support/measured.ts";
import { backMs, liveThrough, outages } from "../support/outage.ts";

describe.concurrent("registrations are back within 2 s, with the same uuid and the newest record, after 10 s without an etcd", () => {
  test.each(Object.entries(outages))("%s", async (name, outage) => {
    const { tookMs, ownMs } = await liveThrough(outage, { awayMs: 10_000, ttlSeconds: 5 });
    measured(`away for 10 s: an etcd ${name}`, tookMs);
    expect(ownMs).toBeLessThan(backMs);
  });
});
