import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { apis, fillHistory } from "../support/apis.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcdV2 } from "../support/raw-etcd-v2.ts";
import { recordingLogger } from "../support/recording-logger.ts";

test("a private host whose service has an info since long ago is registered by one write, and its info is followed at once", async () => {
  await using etcd = await startEtcd({ args: ["--enable-v2"] });
  const raw = new RawEtcdV2(etcd.endpoint);
  const info = '{"name":"known","critical":false}';
  await raw.put("/services_infos/known", info);
  await fillHistory(raw);
  const before = await raw.index();
  const refusals = async () => {
    const answer = await fetch(`${etcd.endpoint}/v2/stats/store`);
    return ((await answer.json()) as { createFail: number }).createFail;
  };
  const refused = await refusals();
  const logger = recordingLogger();
  await using discovery = new Discovery({ api: 2, endpoints: etcd.endpoints, logger });
  const registration = discovery.register("known", { hostname: "a", ports: { http: 80 } });
  await registration.waitRegistration();
  expect(await raw.index()).toBe(before + 1);
  // Neither does a write that is refused hold up the one that counts.
  expect(await refusals()).toBe(refused);
  const v2 = apis.find(({ api }) => api === 2);
  await eventually(async () => (await v2?.watchers(etcd)) === 2, 10_000, 20);
  expect(logger.lines.filter(({ level }) => level !== "debug")).toEqual([]);

  await raw.delete("/services_infos/known");
  await eventually(async () => (await raw.get("/services_infos/known"))?.value === info, 10_000);
});
