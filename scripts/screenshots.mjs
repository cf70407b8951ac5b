// Takes the pictures of the dashboard that are in docs/images/, of a small fleet on a throwaway etcd:
// `npm run build && node scripts/screenshots.mjs`.
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { Discovery } from "../dist/index.js";
import { startEtcd } from "../dist/testing/index.js";
import { launchChromium } from "./browser/launch.mjs";
import { startUi } from "./browser/ui-process.mjs";

const folder = join(dirname(import.meta.dirname), "docs", "images");
const largestBytes = 200_000;

const desktop = { viewport: { width: 1_280, height: 720 } };
const phone = { viewport: { width: 390, height: 780 }, deviceScaleFactor: 2, isMobile: true };

const pictures = [
  { name: "dashboard-light", place: "", options: { ...desktop, colorScheme: "light" } },
  { name: "dashboard-dark", place: "?view=hosts", options: { ...desktop, colorScheme: "dark" } },
  { name: "dashboard-phone", place: "", options: { ...phone, colorScheme: "light" } },
];

const etcd = await startEtcd();
const discovery = new Discovery({ endpoints: etcd.endpoints });
const browser = await launchChromium();
const ui = await startUi(etcd.endpoint);
try {
  mkdirSync(folder, { recursive: true });
  const context = await browser.newContext(desktop);
  const page = await context.newPage();
  await page.goto(ui.url);
  await page.getByText("0 services, 0 hosts").waitFor();
  await registerFleet(page);
  await loseHost(page);
  await page.getByText("6 services, 16 hosts").waitFor();
  // So that not everything is 0 s old.
  await setTimeout(20_000);
  for (const { name, place, options } of pictures) await takePicture(name, place, options);
} finally {
  await ui.stop();
  await browser.close();
  await discovery.close();
  await etcd.stop();
}

async function takePicture(name, place, options) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  await page.goto(ui.url + place);
  await page.locator("tr.row").first().waitFor();
  const path = join(folder, `${name}.png`);
  await page.screenshot({ path });
  await context.close();
  const { size } = statSync(path);
  console.log(`${path}: ${Math.round(size / 1_000)} kB`);
  if (size > largestBytes) throw new Error(`${name} is larger than ${largestBytes} bytes`);
}

async function registerFleet(page) {
  await register("mail", [{}]);
  const [, , third] = await register("api", [
    { shard: "eu" },
    { shard: "eu" },
    { shard: "us", weight: 2 },
    { shard: "us" },
    { shard: "us" },
  ]);
  await register("search", [{ shard: "a" }, { shard: "b" }, { shard: "b" }]);
  await register("sessions", [{}, {}, {}]);
  await register("web", [webHost(1), webHost(2), webHost(3)]);
  const [only] = await register("checkout", [{ critical: true }]);
  await third?.update({ draining: true });
  await putBroken();
  await page.getByText("6 services, 17 hosts").waitFor();
  await only?.unregister();
}

function webHost(number) {
  return { hostname: `web-${number}.example.dev`, public: true, critical: true };
}

async function register(service, hosts) {
  const registrations = hosts.map((host, index) =>
    discovery.register(service, {
      ports: { http: 8080 },
      privateHostname: `${service}-${index + 1}.internal`,
      ...host,
    }),
  );
  await Promise.all(registrations.map((each) => each.waitRegistration()));
  return registrations;
}

/** A record that somebody wrote by hand. */
async function putBroken() {
  await put("search", "search-4.internal", { http: "eighty" });
}

/** A host that goes without a word. */
async function loseHost(page) {
  const key = await put("sessions", "sessions-4.internal", { http: "8080" });
  await page.getByText("sessions-4.internal").waitFor();
  await etcd.call("/v3/kv/deleterange", { key: btoa(key) });
}

async function put(service, name, ports) {
  const key = `/services/${service}/d1f0e5a4-${name}`;
  const value = JSON.stringify({ name, ports });
  await etcd.call("/v3/kv/put", { key: btoa(key), value: btoa(value) });
  return key;
}
