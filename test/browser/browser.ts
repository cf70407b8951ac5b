import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { findChromium } from "../support/chromium.ts";

const found = await findChromium();
if (found.path === undefined) console.log(`browser tests are left out: ${found.reason}`);

/** Whether there is a Chromium; if not, the reason was printed. */
export const hasChromium: boolean = found.path !== undefined;

const flags = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a Chromium with a new profile. Names that end in `.example` lead to this machine. */
export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: found.path ?? "",
    headless: true,
    chromiumSandbox: process.getuid?.() !== 0,
    args: [...flags, "--host-resolver-rules=MAP *.example 127.0.0.1"],
  });
}

/** A page, and what it did that it should not. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;

  /** Errors, violations of the policy, requests to elsewhere, dialogs: there should be none. */
  readonly faults: readonly string[];
}

/** Opens a page in a context of its own. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 800 }, ...options });
  // Less than a test may take, so that a wait says what it waited for.
  context.setDefaultTimeout(10_000);
  const page = await context.newPage();
  const faults: string[] = [];
  const { origin } = new URL(url);
  page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(`console: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(`${origin}/`)) faults.push(`request: ${request.url()}`);
  });
  page.on("dialog", (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  await page.goto(url);
  return { page, faults, [Symbol.asyncDispose]: () => context.close() };
}

/** The text of the first cells of the rows that exist. */
export async function names(page: Page): Promise<string[]> {
  return await page.locator("tr.row td.main > a").allTextContents();
}
