import type { Browser, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, inject } from "vitest";
import type { HostOptions } from "../../src/index.ts";
import { dashboardStage, type DashboardStage } from "../support/dashboard.ts";
import { launch, openPage, type WatchedPage } from "./browser.ts";

/** What a test of the dashboard in a browser needs; all of it ends with the test. */
export interface BrowserStage {
  /** Called in turn, the last first, when the test is over. */
  readonly undo: (() => unknown)[];

  /** Starts a dashboard, on the etcd that all tests share unless others are given. */
  readonly dashboard: (
    options?: Parameters<typeof dashboardStage>[1],
    endpoints?: readonly string[],
  ) => Promise<DashboardStage>;
  readonly open: (url: string, options?: BrowserContextOptions) => Promise<WatchedPage>;
}

/** To be called within a `describe`, of which all tests share one browser. */
export function browserStage(): BrowserStage {
  const undo: (() => unknown)[] = [];
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launch();
  });
  afterEach(async () => {
    for (const each of undo.splice(0).reverse()) await each();
  });
  afterAll(async () => {
    await browser?.close();
  });
  return {
    undo,
    async dashboard(options = {}, endpoints = [inject("etcd")]) {
      const made = await dashboardStage(endpoints, options);
      undo.push(() => made[Symbol.asyncDispose]());
      return made;
    },
    async open(url, options) {
      if (browser === undefined) throw new Error("the browser was not started");
      const watched = await openPage(browser, url, options);
      undo.push(() => watched[Symbol.asyncDispose]());
      return watched;
    },
  };
}

export const privateHost = (privateHostname: string): HostOptions => ({
  privateHostname,
  ports: { http: 8080 },
});
