import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd, startProxy } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { witness } from "../support/witness.ts";

const hosts = 3_000;

const writes = Array.from({ length: hosts }, (_, index): [string, Uint8Array] => {
  const id = `h${index + 1}`;
  return [`/services/api/${id}`, hostValue("api", id)];
});

test("3,000 revisions of backlog, cut whenever some of it came, are all told, each once", async () => {
  await using etcd = await startEtcd();
  await using proxy = await startProxy(etcd.endpoint);
  await using discovery = new Discovery({ endpoints: [proxy.endpoint] });
  const raw = new RawEtcd(etcd);
  const lease = await raw.grant();
  await raw.put("/services/api/h0", hostValue("api", "h0"), lease);
  await using seen = witness(discovery, "api");
  const news = discovery.subscribeNew("api");
  await seen.ready();

  proxy.refuse();
  await putOneByOne(etcd.endpoint, writes, lease);
  await raw.delete("/services/api/h0");
  proxy.heal();

  let cuts = 0;
  let read = 0;
  let readAtCut = 0;
  for await (const _ of news) {
    read += 1;
    if (read <= readAtCut) continue;
    // The first of what this connection brought.
    proxy.cut();
    cuts += 1;
    await eventually(() => seen.views.at(-1)?.freshness.source === "stale");
    readAtCut = seen.views.at(-1)?.hosts.filter(({ uuid }) => uuid !== "h0").length ?? 0;
    if (readAtCut === hosts) break;
  }
  // etcd sends 1,000 revisions at once; a machine that is busy may get several such batches together.
  expect(cuts).toBeGreaterThan(0);
  await seen.agrees(etcd);
  expect(seen.events).toHaveLength(hosts + 2);
  expect(seen.told.at(-1)).toBe("down h0 expired");
});
