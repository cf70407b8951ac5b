import { expect, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { signIns } from "../support/sign-ins.ts";

test("an etcd that forgot all tokens when it was restarted is signed in to once by each client, and nothing is lost", async () => {
  await using etcd = await startEtcd({ auth: { rootPassword: "root-secret" } });
  const counted = signIns(etcd, "root-secret");
  const options = { auth: { username: "root", password: "root-secret" } };
  await using one = await startBusyClient(etcd, options);
  await using other = await startBusyClient(etcd, options);
  const clients = [one, other];
  await Promise.all(clients.map(({ follower }) => follower.agrees(counted)));
  const created = async () =>
    [...(await new RawEtcd(counted).list(`/services/${busyService}/`)).values()].map(
      (record) => record.created,
    );
  const before = await created();
  const linesBefore = clients.map((client) => client.warnings().length);

  // What is not in its database by then is carried out again, sign-ins too: tokens would be as good as before.
  await etcd.defragment();
  await etcd.restart();
  const servesSince = performance.now();
  await Promise.all(clients.map(({ registration }) => registration.update({ weight: 2 })));
  await Promise.all(clients.map(({ follower }) => follower.agrees(counted)));
  console.log(`all was told ${Math.round(performance.now() - servesSince)} ms after etcd served`);

  expect(clients.map(({ states }) => states)).toEqual([[], []]);
  expect(await created()).toEqual(before);
  expect(clients.flatMap(({ lookups }) => lookups.failures)).toEqual([]);
  expect(one.follower.told.filter((event) => event.startsWith("down"))).toEqual([]);
  await eventually(async () => expect(await counted.others()).toBe(clients.length));
  for (const [i, client] of clients.entries()) {
    expect(client.warnings().length - (linesBefore[i] ?? 0)).toBeLessThan(10);
  }
});
