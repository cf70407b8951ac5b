import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { eventually } from "../support/eventually.ts";
import { hasChromium, names } from "./browser.ts";
import { browserStage, privateHost } from "./stage.ts";

/** How long it takes until the page shows something, from now on. */
async function shown(page: Page, probe: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  await eventually(probe, 5_000);
  expect(page.isClosed()).toBe(false);
  return performance.now() - start;
}

describe.runIf(hasChromium)("the dashboard, live", () => {
  const stage = browserStage();

  test("shows hosts that come, change and go within a second", async () => {
    const { origin, register } = await stage.dashboard();
    await register("api", privateHost("node-1"));
    const { page, faults } = await stage.open(`${origin}/?service=api`);
    await page.getByRole("row", { name: "node-1" }).waitFor();
    expect(await page.locator(".trust").textContent()).toContain("Live");

    const second = await register("api", privateHost("node-2"));
    const row = page.getByRole("row", { name: "node-2" });
    expect(await shown(page, () => row.isVisible())).toBeLessThan(1_000);
    expect(await row.textContent()).toContain("Up");
    await second.update({ shard: "shard-7", draining: true });
    const changed = async (): Promise<boolean> =>
      /Draining.*shard-7/.test((await row.textContent()) ?? "");
    expect(await shown(page, changed)).toBeLessThan(1_000);
    await second.unregister();
    expect(await shown(page, async () => (await row.count()) === 0)).toBeLessThan(1_000);

    const log = await page.locator("aside li").allTextContents();
    const lines = log.map((line) => line.replace(/^[\d:]+/, ""));
    expect(lines.filter((line) => line.startsWith("node-2"))).toEqual([
      expect.stringMatching(/^node-2api\s*left$/),
      expect.stringMatching(/^node-2api\s*changed: shard, draining$/),
      expect.stringMatching(/^node-2api\s*came$/),
    ]);
    expect(faults).toEqual([]);
  });

  test("puts critical services without a host at the top, in red", async () => {
    const { origin, register } = await stage.dashboard();
    await register("a-well", privateHost("node-1"));
    const fatal = await register("z-fatal", { ...privateHost("node-2"), critical: true });
    await fatal.unregister();
    const { page, faults } = await stage.open(origin);
    await page.locator("td.state").getByText("Critical, and no host").waitFor();
    expect(await names(page)).toEqual(["z-fatal", "a-well"]);
    const colour = await page
      .locator("tr.row.bad .main a")
      .evaluate((element) => getComputedStyle(element).color);
    const [red = 0, green = 0, blue = 0] = colour.match(/\d+/g)?.map(Number) ?? [];
    expect(red).toBeGreaterThan(2 * Math.max(green, blue));
    await eventually(async () => (await page.title()) === "(1) etcd-discovery");
    await register("z-fatal", { ...privateHost("node-3"), critical: true });
    await eventually(async () => (await page.locator("tr.row.bad").count()) === 0);
    await eventually(async () => (await page.title()) === "etcd-discovery");
    expect(faults).toEqual([]);
  });

  test("says that etcd is away, keeps what it knew, and takes that back", async () => {
    const etcd = await startEtcd();
    stage.undo.push(() => etcd.stop());
    const { origin, register } = await stage.dashboard({}, etcd.endpoints);
    await register("api", privateHost("node-1"));
    const { page, faults } = await stage.open(`${origin}/?service=api`);
    await page.getByRole("row", { name: "node-1" }).waitFor();
    expect(await page.locator(".banner").count()).toBe(0);
    await etcd.kill();
    const banner = page.locator(".banner");
    await banner.waitFor({ timeout: 10_000 });
    expect(await banner.textContent()).toMatch(/^As of \d\d:\d\d:\d\d, etcd away \d+ s: hosts may/);
    expect(await page.locator(".trust").textContent()).toContain("Not live");
    await page.getByRole("row", { name: "node-1" }).waitFor();
    await eventually(
      async () =>
        ((await page.getByRole("status").textContent()) ?? "").startsWith(
          "Not live: etcd is away.",
        ),
      10_000,
    );
    await etcd.restart();
    await eventually(async () => (await banner.count()) === 0, 15_000);
    expect(faults).toEqual([]);
  });

  test("says that the dashboard itself is away, and goes on when it is back", async () => {
    const first = await stage.dashboard();
    await first.register("api", privateHost("node-1"));
    const { page } = await stage.open(`${first.origin}/?service=api`);
    await page.getByRole("row", { name: "node-1" }).waitFor();
    await first.dashboard.close();
    await page.getByText("the dashboard itself has not been heard of").waitFor();
    expect(await names(page)).toEqual(["node-1"]);
    const second = await stage.dashboard({ port: Number(new URL(first.origin).port) });
    await second.register("api", privateHost("node-2"));
    await eventually(async () => (await names(page)).join() === "node-2", 10_000);
    expect(await page.locator(".banner").count()).toBe(0);
  });

  test("listens no longer while its tab is hidden, and knows all when it is back", async () => {
    const { origin, register } = await stage.dashboard();
    await register("api", privateHost("node-1"));
    const { page, faults } = await stage.open(`${origin}/?service=api`);
    await page.getByRole("row", { name: "node-1" }).waitFor();
    const streams: string[] = [];
    page.on("request", (request) => {
      if (request.url().includes("/events")) streams.push(request.url());
    });
    const look = (visibilityState: string): Promise<void> =>
      page.evaluate((state) => {
        Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
        document.dispatchEvent(new Event("visibilitychange"));
      }, visibilityState);
    await look("hidden");
    await register("api", privateHost("node-2"));
    await look("visible");
    await page.getByRole("row", { name: "node-2" }).waitFor();
    expect(streams).toEqual([expect.stringMatching(/\/events\?since=.+-\d+$/)]);
    expect(faults).toEqual([]);
  });
});
