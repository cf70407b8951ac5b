import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, inject, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { RawEtcd } from "../support/raw-etcd.ts";
import { hasChromium, names } from "./browser.ts";
import { browserStage, privateHost } from "./stage.ts";

describe.runIf(hasChromium)("the dashboard among hostile records and pages", () => {
  const stage = browserStage();

  test("shows hostile text of every field as text", async () => {
    const { origin, prefix } = await stage.dashboard();
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
    const { page, faults } = await stage.open(origin);
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
    const { origin } = await stage.dashboard();
    const { port } = new URL(origin);
    const rebound = await stage.open(`http://rebound.example:${port}/`);
    expect(await rebound.page.locator("body").textContent()).toContain(
      "does not answer to the name",
    );

    const elsewhere = createServer((_, response) => {
      response.setHeader("Content-Type", "text/html").end("<p>elsewhere</p>");
    });
    elsewhere.listen(0, "127.0.0.1");
    await eventually(() => elsewhere.listening);
    stage.undo.push(() => {
      elsewhere.close();
      elsewhere.closeAllConnections();
    });
    const other = (elsewhere.address() as AddressInfo).port;
    const { page } = await stage.open(`http://elsewhere.example:${other}/`);
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
    const { register } = await stage.dashboard({
      host: "0.0.0.0",
      onSignInUrl: (url) => urls.push(url),
    });
    await register("api", privateHost("node-1"));
    const port = new URL(urls[0] ?? "").port;
    const local = (url: string | undefined): string =>
      (url ?? "").replace(/^http:\/\/[^/]+/, `http://127.0.0.1:${port}`);
    const signedIn = await stage.open(local(urls[0]));
    await signedIn.page.getByRole("row", { name: "api" }).waitFor();
    expect(signedIn.page.url()).toBe(`http://127.0.0.1:${port}/`);
    expect(await signedIn.page.evaluate(() => document.cookie)).toBe("");
    await signedIn.page.reload();
    await signedIn.page.getByRole("row", { name: "api" }).waitFor();
    expect(signedIn.faults).toEqual([]);

    const { page } = await stage.open(local(urls[0]));
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
});
