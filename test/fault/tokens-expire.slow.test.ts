import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { recordingLogger } from "../support/recording-logger.ts";
import { statesOf } from "../support/registrations.ts";
import { signIns } from "../support/sign-ins.ts";
import { witness } from "../support/witness.ts";

const tokenMs = 5_000;
const user = { username: "root", password: "root-secret" };

test("tokens that live for 5 s, over 20 s: a quiet client signs in once after each, a busy one hardly at all, and nothing is lost", async () => {
  await using etcd = await startEtcd({
    auth: { rootPassword: user.password },
    args: ["--auth-token-ttl", String(tokenMs / 1_000)],
  });
  const counted = signIns(etcd, user.password);
  await using busy = await startBusyClient(etcd, { auth: user });
  const logger = recordingLogger();
  await using quiet = new Discovery({ endpoints: etcd.endpoints, auth: user, logger });
  const registration = quiet.register("quiet-service", { hostname: "a", ports: { http: 80 } });
  await registration.waitRegistration();
  const states = statesOf(registration);
  const followers = ["quiet-service", busyService, "another-service"].map((service) =>
    witness(quiet, service),
  );
  await Promise.all(followers.map((follower) => follower.ready()));
  const key = `/services/quiet-service/${registration.uuid}`;
  const before = await new RawEtcd(counted).get(key);
  const signedInBefore = await counted.others();

  for (let round = 1; round <= 3; round += 1) {
    // The lease and the watches go on, and nothing shows etcd the token.
    await sleep(tokenMs * 1.4);
    // A write, a watch and a lookup at once find it expired.
    const another = quiet.subscribe(`service-${round}`);
    await Promise.all([
      registration.update({ weight: 1 + round }),
      another.waitReady(),
      quiet.get("quiet-service").all(),
      busy.registration.update({ weight: 1 + round }),
    ]);
    await eventually(() => followers[0]?.views.at(-1)?.hosts[0]?.weight === 1 + round);
    await Promise.all(followers.map((follower) => follower.agrees(counted)));
  }
  const signIn = (await counted.others()) - signedInBefore;
  console.log(`${signIn} sign-ins; the quiet client logged ${logger.lines.length} lines`);
  // Of the quiet client; the busy one shows its token all the time, and etcd lets it live on.
  expect(signIn).toBe(3);
  expect([states, busy.states]).toEqual([[], []]);
  expect(busy.lookups.failures).toEqual([]);
  expect((await new RawEtcd(counted).get(key))?.created).toBe(before?.created);
  const lines = logger.lines.filter(({ level }) => level !== "debug");
  expect(lines.map(({ message }) => message)).toEqual([]);
});
