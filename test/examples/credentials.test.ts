import { expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { exampleStage } from "./stage.ts";

test("one host rotates the password of a service, the others take it over, and nobody prints it", async () => {
  await using stage = exampleStage();
  const first = stage.run("credentials.js", [], { SERVICE_PASSWORD: "pass-1" });
  await first.said("is registered");
  // It is given none.
  const second = stage.run("credentials.js");
  await second.said("is registered");

  const { discovery } = stage;
  const answers = async (): Promise<(readonly [number, string])[]> => {
    const hosts = await discovery.get("secret").all();
    return await Promise.all(
      hosts.map(async (host) => [await statusOf(host), host.password] as const),
    );
  };
  expect(await answers()).toEqual([
    [200, "pass-1"],
    [200, "pass-1"],
  ]);

  first.kill("SIGHUP");
  await first.said("has rotated");
  await second.said("has taken over a new password");
  const rotated = await eventually(async () => {
    const found = await answers();
    return found.every(([, password]) => password !== "pass-1") && found;
  });
  const [[, password]] = rotated as [(typeof rotated)[number]];
  expect(password).toHaveLength(32);
  expect(rotated).toEqual([
    [200, password],
    [200, password],
  ]);

  for (const each of [first, second]) each.kill("SIGTERM");
  for (const { exit } of [first, second]) {
    const { signal, output } = await exit;
    expect(signal).toBe("SIGTERM");
    expect(output).not.toContain("pass-1");
    expect(output).not.toContain(password);
  }
}, 60_000);

async function statusOf(host: { url(scheme: string): string; user: string; password: string }) {
  const { origin } = new URL(host.url("http"));
  const authorization = `Basic ${btoa(`${host.user}:${host.password}`)}`;
  return (await fetch(origin, { headers: { authorization } })).status;
}
