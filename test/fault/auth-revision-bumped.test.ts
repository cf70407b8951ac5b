import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { busyService, startBusyClient } from "../support/busy-client.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { signIns } from "../support/sign-ins.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const auth = {
  rootPassword: "root-secret",
  roles: [{ name: "all", permissions: [{ access: "readwrite", prefix: "/services" } as const] }],
  users: [{ name: "ann", password: "ann-secret", roles: ["all"] }],
};

/** Of tokens that etcd signs, and that so hold the revision of its users and roles. */
async function signedTokens(folder: string): Promise<string[]> {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const files = { pub: join(folder, "public.pem"), priv: join(folder, "private.pem") };
  await writeFile(files.pub, publicKey);
  await writeFile(files.priv, privateKey);
  const keys = `pub-key=${files.pub},priv-key=${files.priv}`;
  return ["--auth-token", `jwt,${keys},sign-method=RS256,ttl=10m`];
}

test("each change of users and roles makes a token too old: it is renewed once, and nothing is lost", async () => {
  await using folder = await temporaryFolder();
  await using etcd = await startEtcd({ auth, args: await signedTokens(folder.path) });
  const counted = signIns(etcd, auth.rootPassword);
  await using client = await startBusyClient(etcd, {
    ttlSeconds: 2,
    auth: { username: "ann", password: "ann-secret" },
  });
  await client.follower.agrees(counted);
  const key = `/services/${busyService}/${client.registration.uuid}`;
  const before = await new RawEtcd(counted).get(key);

  for (const [i, name] of ["bob", "eve", "zoe"].entries()) {
    const signedInBefore = await counted.others();
    await counted.call("/v3/auth/user/add", { name, password: "secret" });
    await client.registration.update({ weight: 2 + i });
    const other = client.discovery.subscribe(`${busyService}-${i}`);
    await other.waitReady();
    expect((await counted.others()) - signedInBefore).toBe(1);
  }
  await client.follower.agrees(counted);
  expect(client.lookups.failures).toEqual([]);
  expect(client.states).toEqual([]);
  expect((await new RawEtcd(counted).get(key))?.created).toBe(before?.created);
  expect(client.follower.told.length).toBe(4);
  console.log(client.warnings());
  expect(client.warnings().length).toBeLessThan(10);
});
