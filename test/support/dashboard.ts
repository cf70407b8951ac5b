import { randomUUID } from "node:crypto";
import { request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";
import { Catalogue } from "../../src/catalogue/catalogue.ts";
import {
  type Dashboard,
  type DashboardOptions,
  startDashboard,
} from "../../src/dashboard/start-dashboard.ts";
import { Discovery, type HostOptions, type Registration } from "../../src/index.ts";

/** A dashboard of a fleet of its own, on an etcd that others may use, too. */
export interface DashboardStage extends AsyncDisposable {
  readonly discovery: Discovery;
  readonly catalogue: Catalogue;
  readonly dashboard: Dashboard;
  readonly prefix: string;

  /** Without the `/` at the end. */
  readonly origin: string;
  readonly register: (service: string, host?: HostOptions) => Promise<Registration>;
}

export async function dashboardStage(
  endpoints: readonly string[],
  options: Partial<DashboardOptions> = {},
): Promise<DashboardStage> {
  const prefix = `/dashboard-${randomUUID()}`;
  const settings = { endpoints, prefix, ttlSeconds: 2, timeoutMs: 1_000 };
  const discovery = new Discovery(settings);
  // As another process would, so that the catalogue's connection is not that of the hosts.
  const watching = new Discovery(settings);
  const catalogue = new Catalogue(watching);
  const endpoint = () => watching.health().etcd.endpoint;
  const dashboard = await startDashboard({ catalogue, endpoint, port: 0, ...options });
  return {
    discovery,
    catalogue,
    dashboard,
    prefix,
    origin: dashboard.url.slice(0, -1),
    async register(service, host = {}) {
      const registration = discovery.register(service, { ports: { http: 8080 }, ...host });
      await registration.waitRegistration();
      return registration;
    },
    async [Symbol.asyncDispose]() {
      await dashboard.close();
      await catalogue.close();
      await Promise.all([watching.close(), discovery.close()]);
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Question {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Asks with just these headers, as no browser lets a page do. */
export async function ask(url: string, question: Question = {}): Promise<Answer> {
  const response = await begin(url, question);
  let body = "";
  for await (const chunk of response.setEncoding("utf8")) body += String(chunk);
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

function begin(url: string, { method, headers, body }: Question): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, resolve);
    asked.on("error", reject);
    asked.end(body);
  });
}

/** An open stream of events. */
export interface Listening {
  /** All that came, byte for byte. */
  readonly text: string;
  readonly headers: IncomingHttpHeaders;
  readonly ended: boolean;
  close(): void;
}

export async function listen(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Listening> {
  const response = await begin(url, { headers });
  let text = "";
  let ended = false;
  response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
  response.on("error", () => {});
  response.once("close", () => (ended = true));
  return {
    get text() {
      return text;
    },
    get ended() {
      return ended;
    },
    headers: response.headers,
    close: () => void response.destroy(),
  };
}
