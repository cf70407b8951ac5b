import type { Page } from "playwright-core";
import { describe, expect, inject, test } from "vitest";
import type { DashboardStage } from "../support/dashboard.ts";
import { eventually } from "../support/eventually.ts";
import { manyHosts, nthId } from "../support/many-hosts.ts";
import { putOneByOne } from "../support/put-one-by-one.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { hasChromium, names } from "./browser.ts";
import { browserStage, privateHost } from "./stage.ts";

/** The name of the row that has the focus. */
const focused = (page: Page): Promise<string | undefined> =>
  page.evaluate(
    () => document.activeElement?.querySelector("td.main > a")?.textContent ?? undefined,
  );

/** Counts the milliseconds that the page's thread works, by its own time on the processor. */
async function workOf(page: Page): Promise<() => Promise<number>> {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable", { timeDomain: "threadTicks" });
  const worked = async (): Promise<number> => {
    const { metrics } = await session.send("Performance.getMetrics");
    return (metrics.find(({ name }) => name === "TaskDuration")?.value ?? NaN) * 1_000;
  };
  const before = await worked();
  return async () => (await worked()) - before;
}

describe.runIf(hasChromium)("the dashboard in use", () => {
  const stage = browserStage();

  /** A service of so many hosts, which nobody keeps alive. */
  const fleet = async (count: number): Promise<DashboardStage> => {
    const made = await stage.dashboard();
    const hosts = Array.from(
      manyHosts("big", count),
      ([key, value]) => [made.prefix + key, value] as const,
    );
    await putOneByOne(inject("etcd"), hosts);
    const raw = RawEtcd.at(inject("etcd"));
    stage.undo.push(() => raw.deletePrefix(`${made.prefix}/services/`));
    return made;
  };

  test("scrolls through 2,000 hosts smoothly, without a blank", async () => {
    const { origin } = await fleet(2_000);
    const { page, faults } = await stage.open(`${origin}/?service=big`);
    const table = page.locator("table");
    await eventually(async () => (await table.getAttribute("aria-rowcount")) === "2001");
    expect(await page.locator("tr.row").count()).toBeLessThan(100);
    const busy = await workOf(page);
    const frames = await page.evaluate(
      () =>
        new Promise<{ times: number[]; blanks: number }>((resolve) => {
          const times: number[] = [];
          let blanks = 0;
          let last = 0;
          const step = (now: number): void => {
            if (last !== 0) times.push(now - last);
            last = now;
            const middle = document.elementFromPoint(200, innerHeight - 60);
            if (!middle?.closest("tr.row")) blanks += 1;
            if (times.length === 120) return resolve({ times, blanks });
            // 12,000 pixels a second: 15 screens.
            scrollBy(0, 200);
            requestAnimationFrame(step);
          };
          requestAnimationFrame(step);
        }),
    );
    const workMs = (await busy()) / frames.times.length;
    const sorted = frames.times.toSorted((one, other) => one - other);
    const quantile = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? NaN;
    const [median, most] = [quantile(0.5), quantile(0.95)];
    console.log(
      `2,000 hosts: ${sorted.length} frames, median ${median.toFixed(1)} ms, ` +
        `95% within ${most.toFixed(1)} ms, ${workMs.toFixed(1)} ms of work each`,
    );
    expect(frames.blanks).toBe(0);
    expect(median).toBeLessThan(20);
    // All of it fits into a frame, whatever else the machine does meanwhile.
    expect(workMs).toBeGreaterThan(0.1);
    expect(workMs).toBeLessThan(1_000 / 60);
    expect(await page.evaluate(() => scrollY)).toBeGreaterThan(23_000);
    await page.evaluate(() => scrollTo(0, document.documentElement.scrollHeight));
    await page.locator('tr[aria-rowindex="2001"]').waitFor();
    expect((await names(page)).at(-1)).toBe("node-999.internal.dev");
    expect(await page.locator("tr.row").last().getAttribute("aria-rowindex")).toBe("2001");
    expect(faults).toEqual([]);
  });

  test("works by the keyboard alone", async () => {
    const { origin, prefix, register } = await fleet(300);
    await register("small", privateHost("node-1"));
    const { page, faults } = await stage.open(origin);
    await page.getByRole("row", { name: "big" }).waitFor();
    await page.getByRole("row", { name: "small" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await eventually(async () => (await focused(page)) === "big");
    await page.keyboard.press("ArrowDown");
    await eventually(async () => (await focused(page)) === "small");
    await page.keyboard.press("Home");
    await eventually(async () => (await focused(page)) === "big");
    await page.keyboard.press("Enter");
    await eventually(() => page.url().endsWith("?service=big"));
    await eventually(async () => (await page.locator("tr.row").count()) > 10);

    await page.keyboard.press("End");
    await eventually(async () => (await focused(page)) === "node-99.internal.dev");
    await page.keyboard.press("ArrowUp");
    await eventually(async () => (await focused(page)) === "node-98.internal.dev");
    // The host goes: the focus stays where it was.
    await RawEtcd.at(inject("etcd")).delete(`${prefix}/services/big/${nthId(98)}`);
    await eventually(async () => (await focused(page)) === "node-99.internal.dev");
    await page.keyboard.press("Home");
    await eventually(async () => (await focused(page)) === "node-0.internal.dev");
    await page.keyboard.press("PageDown");
    await eventually(async () => /^node-1\d\d/.test((await focused(page)) ?? ""));

    await page.keyboard.press("/");
    await page.keyboard.type("node-77.");
    await eventually(async () => (await names(page)).join() === "node-77.internal.dev");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText(nthId(77)).waitFor();
    await page.keyboard.press("Escape");
    await eventually(async () => (await page.getByRole("dialog").count()) === 0);
    await eventually(async () => (await focused(page)) === "node-77.internal.dev");
    await page.keyboard.press("Escape");
    await page.getByRole("row", { name: "big" }).waitFor();
    expect(faults).toEqual([]);
  });

  test("keeps the row that has the focus while others come and go", async () => {
    const { origin, register } = await stage.dashboard();
    for (const name of ["b", "d", "f"]) await register("api", privateHost(`node-${name}`));
    const { page } = await stage.open(`${origin}/?service=api`);
    await page.getByRole("row", { name: "node-f" }).waitFor();
    await page.keyboard.press("End");
    await page.keyboard.press("ArrowUp");
    await eventually(async () => (await focused(page)) === "node-d");
    const before = await register("api", privateHost("node-a"));
    await register("api", privateHost("node-e"));
    await eventually(async () => (await names(page)).length === 5);
    expect(await focused(page)).toBe("node-d");
    await before.unregister();
    await eventually(async () => (await names(page)).length === 4);
    expect(await focused(page)).toBe("node-d");
  });

  test.each([320, 390, 768])("fits a screen of %d pixels", async (width) => {
    const { origin, register } = await stage.dashboard();
    const long = "a-very-long-name-".repeat(6);
    await register(`${long}service`, {
      hostname: `${long}public.example.dev`,
      ports: { http: 80, https: 443 },
      privateHostname: `${long}node.internal`,
      public: true,
      critical: true,
      shard: long,
      metadata: { [long]: long },
    });
    const phone = { viewport: { width, height: 720 }, hasTouch: true, isMobile: true };
    const { page, faults } = await stage.open(origin, phone);
    const fits = (): Promise<boolean> =>
      page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
    const row = page.locator("tr.row");
    await row.waitFor();
    expect(await fits()).toBe(true);
    const box = await row.boundingBox();
    // As large as a finger.
    expect(box?.height).toBeGreaterThanOrEqual(width > 700 ? 36 : 44);
    await row.tap();
    await page.getByRole("row", { name: "node.internal" }).waitFor();
    expect(await fits()).toBe(true);
    expect(await row.innerText()).toMatch(/Up/);
    await row.tap();
    await page.getByRole("dialog").waitFor();
    expect(await fits()).toBe(true);
    expect(faults).toEqual([]);
  });

  test.each(["light", "dark"] as const)("can be read in %s", async (colorScheme) => {
    const { origin, register } = await stage.dashboard();
    await register("api", { ...privateHost("node-1"), critical: true });
    await (await register("lost", { ...privateHost("node-2"), critical: true })).unregister();
    const { page } = await stage.open(origin, { colorScheme });
    await page.locator("td.state").getByText("Critical, and no host").waitFor();
    const contrasts = await page.evaluate(() => {
      const numbers = (colour: string): number[] => (colour.match(/[\d.]+/g) ?? []).map(Number);
      const light = ([red = 0, green = 0, blue = 0]: number[]): number => {
        const part = (value: number): number =>
          value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
        return 0.2126 * part(red) + 0.7152 * part(green) + 0.0722 * part(blue);
      };
      const behind = (element: Element | null): number[] => {
        for (let each = element; each !== null; each = each.parentElement) {
          const colour = numbers(getComputedStyle(each).backgroundColor);
          if (colour[3] !== 0) return colour;
        }
        return [255, 255, 255];
      };
      const texts = document.querySelectorAll("a, bdi, th, .counts, button, .tag, time");
      return Array.from(texts, (element) => {
        const front = light(numbers(getComputedStyle(element).color));
        const back = light(behind(element));
        const [high, low] = [Math.max(front, back), Math.min(front, back)];
        return { text: element.textContent, contrast: (high + 0.05) / (low + 0.05) };
      });
    });
    expect(contrasts.length).toBeGreaterThan(10);
    // What the guidelines for accessible pages ask of text (WCAG 2.2, 1.4.3).
    expect(contrasts.filter(({ contrast }) => contrast < 4.5)).toEqual([]);
    const back = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const [red = 0] = back.match(/\d+/g)?.map(Number) ?? [];
    expect(red > 128).toBe(colorScheme === "light");
  });

  test("searches, filters, and says how many there are", async () => {
    const { origin, register } = await stage.dashboard();
    await register("api", { ...privateHost("node-1"), metadata: { version: "1.4" } });
    const leaving = await register("api", privateHost("node-2"));
    await leaving.update({ draining: true });
    await register("db", privateHost("node-3"));
    const { page } = await stage.open(`${origin}/?view=hosts`);
    await eventually(async () => (await names(page)).length === 3);
    await page.getByRole("button", { name: "Draining" }).click();
    await eventually(async () => (await names(page)).join() === "node-2");
    expect(await page.locator("p.counts").textContent()).toBe("2 services, 1 of 3 hosts");
    await page.getByRole("button", { name: "All" }).click();
    await page.getByRole("searchbox").fill("version=1.4");
    await eventually(async () => (await names(page)).join() === "node-1");
    await page.getByRole("link", { name: "Services" }).click();
    await eventually(async () => (await names(page)).join() === "api");
    expect(await page.locator("tr.row td.number").textContent()).toBe("1 of 2");
    await page.getByRole("searchbox").fill("nothing like it");
    await page.getByText("or none that passes the filter").waitFor();
  });

  test("has an address for everything that it shows", async () => {
    const { origin, register } = await stage.dashboard();
    await register("api", { ...privateHost("node-1"), shard: "s-1" });
    const second = await register("api", { ...privateHost("node-2"), shard: "s-2" });
    await register("db", privateHost("node-3"));
    const { page, faults } = await stage.open(`${origin}/?service=api&shard=s-2`);
    await page.getByRole("row", { name: "node-2" }).waitFor();
    expect(await names(page)).toEqual(["node-2"]);
    await page.getByRole("row", { name: "node-2" }).click();
    await page.getByRole("dialog").getByText(second.uuid).waitFor();
    const link = page.url();
    await page.getByRole("button", { name: "Close" }).click();
    await eventually(async () => (await page.getByRole("dialog").count()) === 0);
    await page.getByLabel("Shard").selectOption("");
    await eventually(async () => (await names(page)).length === 2);
    await page.getByRole("link", { name: "Services" }).click();
    await page.getByRole("row", { name: "db" }).waitFor();
    expect(page.url()).toBe(`${origin}/`);
    await page.goBack();
    await page.getByRole("row", { name: "node-2" }).waitFor();

    await page.getByRole("searchbox").fill("node-1");
    await eventually(async () => (await names(page)).join() === "node-1");
    expect(page.url()).toContain("q=node-1");
    const again = await stage.open(link);
    await again.page.getByRole("dialog").getByText(second.uuid).waitFor();
    await second.unregister();
    await again.page.getByText("Not here any more: left").waitFor();
    expect([...faults, ...again.faults]).toEqual([]);
  });
});
