import { expect, test } from "vitest";
import { systemClock } from "../../../src/async/clock.ts";
import { silentLogger } from "../../../src/logger.ts";
import { HeldHosts } from "../../../src/store/etcd2/held-hosts.ts";
import { Reading } from "../../../src/store/etcd2/reading.ts";
import { clientOf, patiently } from "../../support/etcd2-client.ts";
import { ScriptedHttpServer } from "../../support/scripted-http-server.ts";

const node = { key: "/services_infos/api", value: "{}", modifiedIndex: 5, createdIndex: 5 };

test("what a member knows by itself counts unless it is behind what was seen: then all are asked", async () => {
  let lags = false;
  await using server = await ScriptedHttpServer.start((request) => {
    const index = lags && !request.url.includes("quorum=true") ? "7" : "9";
    const headers = { "x-etcd-index": index };
    if (lags && index === "9") request.json(404, { errorCode: 100, index: 9 }, headers);
    else request.json(200, { action: "get", node }, headers);
  });
  await using client = clientOf([server.origin]);
  const reading = new Reading(client, systemClock, "", new HeldHosts(), silentLogger);
  expect((await reading.knownInfo("api", patiently)).info?.revision).toBe(5);
  expect(server.requests.map(({ url }) => url)).toEqual(["/v2/keys/services_infos/api"]);
  // It was deleted, which this one has not heard of yet.
  lags = true;
  expect(await reading.knownInfo("api", patiently)).toEqual({
    revision: 9,
    info: undefined,
    hosts: [],
  });
});
