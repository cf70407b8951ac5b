import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { registerEtcdResolver } from "../../../../src/integrations/grpc/index.ts";
import { Discovery } from "../../../../src/index.ts";
import { memoryStore } from "../../../../src/testing/index.ts";
import { eventually } from "../../../support/eventually.ts";
import { startGrpcServer, tallyOf, whoClient } from "../../../support/grpc-service.ts";

test("calls are spread over the hosts of the service", async () => {
  await using discovery = new Discovery({ store: memoryStore() });
  const undo = registerEtcdResolver(discovery);
  await using one = await startGrpcServer("one");
  await using two = await startGrpcServer("two");
  for (const { port } of [one, two]) {
    await discovery.register("api", { hostname: "127.0.0.1", ports: { grpc: port } }).waitRegistration();
  }
  using client = whoClient("etcd:///api");
  await client.who();
  await eventually(async () => expect(await tallyOf(client, 10)).toEqual({ one: 5, two: 5 }));
  undo();
});
