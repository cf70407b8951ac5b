import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { GrpcStatus } from "../../src/store/etcd3/grpc-error.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hostValue } from "../support/host-value.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { ScriptedEtcd } from "../support/scripted-etcd.ts";
import { witness } from "../support/witness.ts";

const key = (service: string, id: string): string => `/services/${service}/${id}`;

const range = (service: string) => ({
  permType: "READ",
  key: btoa(`/services/${service}/`),
  range_end: btoa(`/services/${service}0`),
});

test("services that the user may not read keep none of the others from being followed", async () => {
  const info = {
    permType: "READ",
    key: btoa("/services_infos/"),
    range_end: btoa("/services_infos0"),
  };
  await using etcd = await startEtcd({
    auth: {
      rootPassword: "root",
      roles: [{ name: "some", permissions: [] }],
      users: [{ name: "app", password: "secret", roles: ["some"] }],
    },
  });
  const grant = (perm: object): Promise<unknown> =>
    etcd.call("/v3/auth/role/grant", { name: "some", perm });
  await grant(info);
  for (const service of ["a", "c"]) await grant(range(service));
  const raw = new RawEtcd(etcd);
  const services = ["a", "b", "c"];
  for (const service of services) await raw.put(key(service, "1"), hostValue(service, "1"));
  await using discovery = new Discovery({
    endpoints: etcd.endpoints,
    auth: { username: "app", password: "secret" },
  });
  const [a, b, c] = services.map((service) => witness(discovery, service));
  await expect(b?.ready()).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
  await Promise.all([a?.agrees(etcd), c?.agrees(etcd)]);

  // All are there once it may read that one too; when it may read one no longer, the others stay.
  await grant(range("b"));
  await b?.agrees(etcd);
  await etcd.call("/v3/auth/role/revoke", { role: "some", ...range("c"), permType: undefined });
  for (const service of services) await raw.put(key(service, "2"), hostValue(service, "2"));
  await Promise.all([a?.agrees(etcd), b?.agrees(etcd)]);
  c?.check();
});

test("a watch that is refused in words alone is asked for again, and stalls none that was asked for later", async () => {
  await using etcd = await ScriptedEtcd.start();
  const services = ["a", "b", "c"];
  for (const service of services) etcd.write({ [key(service, "1")]: hostValue(service, "1") });
  let refused = 0;
  etcd.onWatch = (stream) =>
    stream.each((watch) => {
      if (Buffer.from(watch.key).toString() === "/services/b/" && refused < 3) {
        refused += 1;
        // As etcd does it: without the name of the watch.
        stream.send({ watchId: -1n, created: true, canceled: true, cancelReason: "not now" });
      } else {
        stream.accept(watch);
        stream.catchUp(watch);
      }
    });
  await using discovery = new Discovery({ endpoints: [etcd.endpoint] });
  const all = services.map((service) => witness(discovery, service));
  await eventually(() => all.every(({ events }) => events.length === 1));
  await eventually(() => etcd.streams[0]?.wanted.size === 6);
  for (const service of services) etcd.write({ [key(service, "2")]: hostValue(service, "2") });
  await eventually(() => all.every(({ events }) => events.length === 2));
  expect(refused).toBe(3);
  expect(etcd.streams).toHaveLength(1);
  for (const seen of all) {
    expect(seen.told).toEqual(["up 1", "up 2"]);
    seen.check();
  }
});

test("a user who may not watch what it may read is told of every change nevertheless, only later", async () => {
  await using etcd = await ScriptedEtcd.start();
  etcd.write({ [key("a", "1")]: hostValue("a", "1") });
  etcd.refuse = (method) =>
    method === "Watch"
      ? { status: GrpcStatus.PERMISSION_DENIED, message: "etcdserver: permission denied" }
      : undefined;
  await using discovery = new Discovery({ endpoints: [etcd.endpoint] });
  await using seen = witness(discovery, "a");
  await eventually(() => seen.events.length === 1);
  etcd.write({ [key("a", "2")]: hostValue("a", "2") });
  etcd.refuse = () => undefined;
  await eventually(() => expect(seen.told).toEqual(["up 1", "up 2"]), 10_000);
  seen.check();
});
