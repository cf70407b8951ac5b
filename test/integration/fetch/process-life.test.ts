import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { inject, expect, test } from "vitest";
import { randomUUID } from "node:crypto";
import { Discovery } from "../../../src/index.ts";
import { runChild } from "../../support/child.ts";
import { type Answer, startHost } from "../../support/http-host.ts";

const entry = join(import.meta.dirname, "../../../dist/integrations/fetch/index.js");
const load = `const { ServiceClient } = await import(${JSON.stringify(pathToFileURL(entry).href)});`;
const well = { code: 0, signal: null, stderr: "" };

/** Runs a script with a client of a service whose first host answers like this. */
async function run(script: string, answer?: Answer) {
  const prefix = `/life-${randomUUID()}`;
  await using discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  const hosts = [await startHost(discovery, "api", { answer })];
  hosts.push(await startHost(discovery, "api", { answer }));
  const env = { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix };
  await using child = await runChild(`${load}\n${script}`, { env });
  const exit = await child.exit;
  for (const host of hosts) await host[Symbol.asyncDispose]();
  return { exit, said: child.said };
}

test.concurrent("connections that are kept do not keep a process alive", async () => {
  const { exit, said } = await run(`
    const client = new ServiceClient({ discovery: new Discovery() });
    say((await client.fetch("http://api.discovery/")).status);
    await (await client.fetch("http://api.discovery/")).text();
  `);
  expect(exit).toEqual(well);
  expect(said).toEqual([200]);
});

test.concurrent("nothing is left when the client and the discovery are closed", async () => {
  const { exit, said } = await run(`
    const discovery = new Discovery();
    const client = new ServiceClient({ discovery });
    const texts = Array.from({ length: 5 }, async () =>
      (await client.fetch("http://api.discovery/")).text());
    await Promise.all(texts);
    await client.close();
    await discovery.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    say(process.getActiveResourcesInfo().filter((name) => name !== "PipeWrap"));
    setTimeout(() => {}, 100);
  `);
  expect(exit).toEqual(well);
  expect(said).toEqual([[]]);
});

test.concurrent("a request that waits for its next attempt keeps the process alive", async () => {
  let asked = 0;
  const busy: Answer = (_, response) => {
    asked += 1;
    if (asked === 1) response.writeHead(503, { "retry-after": "1" }).end();
    else response.end();
  };
  const { exit, said } = await run(
    `
    const client = new ServiceClient({ discovery: new Discovery() });
    say((await client.fetch("http://api.discovery/")).status);
    `,
    busy,
  );
  expect(exit).toEqual(well);
  expect(said).toEqual([200]);
});
