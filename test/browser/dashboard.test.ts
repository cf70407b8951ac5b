import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { startEtcd } from "../../src/testing/index.ts";
import { dashboardStage, type DashboardStage } from "../support/dashboard.ts";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { hasChromium, launch, names, openPage, type WatchedPage } from "./browser.ts";

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each();
});

async function stage(
  options: Parameters<typeof dashboardStage>[1] = {},
  endpoints: readonly string[] = [inject("etcd")],
): Promise<DashboardStage> {
  const made = await dashboardStage(endpoints, options);
  undo.push(() => made[Symbol.asyncDispose]());
  return made;
}

const privateHost = (privateHostname: string) => ({ privateHostname, ports: { http: 8080 } });

/** How long it takes until the page shows something, from now on. */
async function shown(page: Page, probe: () => Promise<boolean>): Promise<number> {
  const start = performance.now();
  await eventually(probe, 5_000);
  expect(page.isClosed()).toBe(false);
  return performance.now() - start;
}

describe.runIf(hasChromium)("the dashboard in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
  });

  const open = async (url: string, options?: BrowserContextOptions): Promise<WatchedPage> => {
    const watched = await openPage(browser, url, options);
    undo.push(() => watched[Symbol.asyncDispose]());
    return watched;
  };

  test("shows hosts that come, change and go within a second", async () => {
    const { origin, register } = await stage();
    await register("api", privateHost("node-1"));
    const { page, faults } = await open(`${origin}/?service=api`);
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
    const { origin, register } = await stage();
    await register("a-well", privateHost("node-1"));
    const fatal = await register("z-fatal", { ...privateHost("node-2"), critical: true });
    await fatal.unregister();
    const { page, faults } = await open(origin);
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
    undo.push(() => etcd.stop());
    const { origin, register } = await stage({}, etcd.endpoints);
    await register("api", privateHost("node-1"));
    const { page, faults } = await open(`${origin}/?service=api`);
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
    const first = await stage();
    await first.register("api", privateHost("node-1"));
    const { page } = await open(`${first.origin}/?service=api`);
    await page.getByRole("row", { name: "node-1" }).waitFor();
    await first.dashboard.close();
    await page.getByText("the dashboard itself has not been heard of").waitFor();
    expect(await names(page)).toEqual(["node-1"]);
    const second = await stage({ port: Number(new URL(first.origin).port) });
    await second.register("api", privateHost("node-2"));
    await eventually(async () => (await names(page)).join() === "node-2", 10_000);
    expect(await page.locator(".banner").count()).toBe(0);
  });

  test("shows hostile text of every field as text", async () => {
    const { origin, prefix } = await stage();
    const raw = RawEtcd.at(inject("etcd"));
    const script = `"'><img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
    // Names of services and ids of hosts cannot have a slash.
    const flat = script.replaceAll("/", "\\");
    const url = "javascript:window.hacked=1";
    const turned = "safe\u202Egnp.exe";
    const record = {
      name: script,
      ports: { [script]: script, http: url },
      public: true,
      private_hostname: turned,
      private_ports: { [url]: "80" },
      critical: true,
      shard: script,
      metadata: { [script]: script, __proto__x: url, constructor: turned },
      user: script,
      password: `${script} in the password`,
    };
    const service = `${flat} service`;
    await raw.put(`${prefix}/services/${service}/${flat}`, JSON.stringify(record));
    await raw.put(
      `${prefix}/services_infos/${service}`,
      JSON.stringify({ name: script, critical: true, hostname: script, public: true }),
    );
    const { page, faults } = await open(origin);
    await page.evaluate(() => {
      document.addEventListener("securitypolicyviolation", (event) => {
        console.error(`violation: ${event.violatedDirective}`);
      });
    });
    const row = page.locator("tr.row");
    await row.waitFor();
    expect(await row.textContent()).toContain(service);
    await row.click();
    await page.getByRole("row", { name: "Cannot be called" }).waitFor();
    expect(await names(page)).toEqual(["safe\\u{202e}gnp.exe"]);
    expect(await page.locator("tr.row").textContent()).toContain(script);
    await raw.put(
      `${prefix}/services/${service}/${flat}`,
      JSON.stringify({ ...record, shard: `${script}2` }),
    );
    await page.getByText("changed: shard").first().waitFor();
    await page.locator("tr.row").click();
    await page.getByRole("dialog").waitFor();
    const dialog = (await page.getByRole("dialog").textContent()) ?? "";
    expect(dialog).toContain(`${script} = ${script}`);
    expect(dialog).not.toContain("in the password");
    expect(dialog).toContain("constructor = safe\\u{202e}gnp.exe");
    await page.keyboard.press("Escape");
    await raw.delete(`${prefix}/services/${service}/${flat}`);
    await page.goto(`${origin}/?view=log&q=${encodeURIComponent(script)}`);
    await page.locator("td.what").getByText("lost").waitFor();
    await page.goto(
      `${origin}/?service=${encodeURIComponent(script)}&host=${encodeURIComponent(script)}`,
    );
    await page.getByRole("dialog").waitFor();
    expect(await page.evaluate(() => "hacked" in window)).toBe(false);
    expect(await page.locator("img, iframe, script:not([src])").count()).toBe(0);
    const links = await page
      .locator("a")
      .evaluateAll((all) => all.map((a) => a.getAttribute("href")));
    expect(links.filter((href) => href !== null && !/^\?|^\/$/.test(href))).toEqual([]);
    expect(faults).toEqual([]);
  });

  test("refuses to be reached by a name that was made to lead here, and by pages of others", async () => {
    const { origin } = await stage();
    const { port } = new URL(origin);
    const rebound = await open(`http://rebound.example:${port}/`);
    expect(await rebound.page.locator("body").textContent()).toContain(
      "does not answer to the name",
    );

    const elsewhere = createServer((_, response) => {
      response.setHeader("Content-Type", "text/html").end("<p>elsewhere</p>");
    });
    elsewhere.listen(0, "127.0.0.1");
    await eventually(() => elsewhere.listening);
    undo.push(() => {
      elsewhere.close();
      elsewhere.closeAllConnections();
    });
    const other = (elsewhere.address() as AddressInfo).port;
    const { page } = await open(`http://elsewhere.example:${other}/`);
    const outcome = await page.evaluate(async (target) => {
      const outcome = async (work: () => Promise<unknown>): Promise<unknown> => {
        try {
          return await work();
        } catch (error) {
          return (error as Error).name;
        }
      };
      const stream = new Promise((resolve) => {
        const source = new EventSource(`${target}/events`);
        source.addEventListener("reset", () => resolve("told"));
        source.addEventListener("error", () => resolve("refused"));
      });
      const frame = document.createElement("iframe");
      frame.src = target;
      const framed = new Promise((resolve) => frame.addEventListener("load", resolve));
      document.body.append(frame);
      await framed;
      return {
        read: await outcome(() => fetch(`${target}/session`)),
        send: await outcome(() =>
          fetch(`${target}/session`, { method: "POST", mode: "no-cors", body: "{}" }).then(
            ({ type }) => type,
          ),
        ),
        stream: await stream,
        frame: await outcome(() =>
          Promise.resolve(frame.contentDocument?.body.textContent ?? "closed to us"),
        ),
      };
    }, origin);
    expect(outcome).toMatchObject({ read: "TypeError", stream: "refused", frame: "closed to us" });
    const frame = page.frames().find((each) => each !== page.mainFrame());
    expect(await frame?.locator("header").count()).toBe(0);
  });

  test("signs in by a link that is used up, and keeps the token out of the address", async () => {
    const urls: string[] = [];
    const { register } = await stage({ host: "0.0.0.0", onSignInUrl: (url) => urls.push(url) });
    await register("api", privateHost("node-1"));
    const port = new URL(urls[0] ?? "").port;
    const local = (url: string | undefined): string =>
      (url ?? "").replace(/^http:\/\/[^/]+/, `http://127.0.0.1:${port}`);
    const signedIn = await open(local(urls[0]));
    await signedIn.page.getByRole("row", { name: "api" }).waitFor();
    expect(signedIn.page.url()).toBe(`http://127.0.0.1:${port}/`);
    expect(await signedIn.page.evaluate(() => document.cookie)).toBe("");
    await signedIn.page.reload();
    await signedIn.page.getByRole("row", { name: "api" }).waitFor();
    expect(signedIn.faults).toEqual([]);

    const { page } = await open(local(urls[0]));
    await page.getByLabel("Token").waitFor();
    expect(await page.locator("table").count()).toBe(0);
    await page.getByLabel("Token").fill("wrong");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("That is not the token").waitFor();
    await page.getByLabel("Token").fill(urls[1]?.split("#token=")[1] ?? "");
    await page.getByLabel("Token").press("Enter");
    await page.getByRole("row", { name: "api" }).waitFor();
    expect(urls).toHaveLength(3);
  });

  test("has an address for everything that it shows", async () => {
    const { origin, register } = await stage();
    await register("api", { ...privateHost("node-1"), shard: "s-1" });
    const second = await register("api", { ...privateHost("node-2"), shard: "s-2" });
    await register("db", privateHost("node-3"));
    const { page, faults } = await open(`${origin}/?service=api&shard=s-2`);
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
    const again = await open(link);
    await again.page.getByRole("dialog").getByText(second.uuid).waitFor();
    await second.unregister();
    await again.page.getByText("Not here any more: left").waitFor();
    expect([...faults, ...again.faults]).toEqual([]);
  });

  test("listens no longer while its tab is hidden, and knows all when it is back", async () => {
    const { origin, register } = await stage();
    await register("api", privateHost("node-1"));
    const { page, faults } = await open(`${origin}/?service=api`);
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
