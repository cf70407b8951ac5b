import type { IncomingMessage, ServerResponse } from "node:http";
import type { AllowedHosts } from "./allowed-hosts.ts";
import { answerFile, answerJson, answerText, bodyOf } from "./answers.ts";
import type { Route } from "./dashboard-options.ts";
import type { EventHub } from "./event-hub.ts";
import type { PageFile } from "./page-files.ts";
import { refusalOf } from "./request-check.ts";
import { securityHeaders } from "./security-headers.ts";
import type { SignIn } from "./sign-in.ts";

/** More browsers than that are a mistake of somebody. */
const mostListeners = 200;

const longestSignInBytes = 4_096;

/** What a request handler answers with. */
export interface Site {
  readonly allowed: AllowedHosts;
  readonly files: ReadonlyMap<string, PageFile>;
  readonly hub: EventHub;

  /** Undefined: whoever can reach it may look. */
  readonly signIn: SignIn | undefined;

  /** The name of the cookie. */
  readonly cookie: string;
  readonly routes: ReadonlyMap<string, Route>;
}

/** Answers one request. Never rejects. */
export async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  site: Site,
): Promise<void> {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  try {
    const refusal = refusalOf(request, site.allowed);
    if (refusal !== undefined) return answerText(response, refusal.status, refusal.text);
    await answer(request, response, site);
  } catch {
    // Not the reason: it may say more than the one who asks is to know.
    if (response.headersSent) response.destroy();
    else answerText(response, 500, "The dashboard could not answer that.\n");
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  site: Site,
): Promise<void> {
  const { method = "", url = "" } = request;
  const [path = ""] = url.split("?", 1);
  if (path === "/session" && method === "POST") return await signIn(request, response, site);
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("Allow", "GET, HEAD");
    return answerText(response, 405, "This dashboard is to be looked at only.\n");
  }
  const file = site.files.get(path);
  if (file !== undefined) return answerFile(request, response, file);
  if (path === "/session") {
    return answerJson(response, 200, { signedIn: site.signIn?.admits(request) ?? true });
  }
  if (path === "/events") return listen(request, response, site);
  const route = site.routes.get(path);
  if (route === undefined) return answerText(response, 404, "There is nothing here.\n");
  if (site.signIn?.admits(request, { bearer: true }) === false) {
    response.setHeader("WWW-Authenticate", "Bearer");
    const text = "Sign in, or send the token of --token-file as `Authorization: Bearer`.\n";
    return answerText(response, 401, text);
  }
  await route(request, response);
}

function listen(request: IncomingMessage, response: ServerResponse, site: Site): void {
  if (site.signIn?.admits(request) === false) return answerText(response, 401, "Sign in first.\n");
  if (site.hub.size >= mostListeners) {
    return answerText(response, 503, "Too many browsers have this dashboard open.\n");
  }
  response.writeHead(200, { "Content-Type": "text/event-stream", "X-Accel-Buffering": "no" });
  if (request.method === "HEAD") return void response.end();
  // A page that comes back to its tab opens a new stream, of which the browser knows no last event.
  const query = new URLSearchParams((request.url ?? "").split("?", 2)[1]);
  const header = request.headers["last-event-id"];
  const last = typeof header === "string" ? header : (query.get("since") ?? undefined);
  request.socket.setNoDelay(true);
  site.hub.add(response, last);
}

async function signIn(
  request: IncomingMessage,
  response: ServerResponse,
  site: Site,
): Promise<void> {
  const { headers } = request;
  // A form of another site cannot send this type without being asked for its origin first.
  if (headers["content-type"] !== "application/json") {
    return answerText(response, 415, "Send JSON.\n");
  }
  const body = await bodyOf(request, longestSignInBytes);
  const token = body === undefined ? undefined : tokenIn(body);
  if (token === undefined) return answerText(response, 400, 'Send {"token": "…"}.\n');
  const id = site.signIn === undefined ? undefined : site.signIn.exchange(token);
  if (site.signIn !== undefined && id === undefined) {
    return answerText(response, 401, "That is not the token, or it was used already.\n");
  }
  if (id !== undefined) {
    // Only a browser that came by https keeps it to that.
    const secure = headers.origin?.startsWith("https://") === true ? "; Secure" : "";
    const cookie = `${site.cookie}=${id}; Path=/; HttpOnly; SameSite=Strict${secure}`;
    response.setHeader("Set-Cookie", cookie);
  }
  response.writeHead(204).end();
}

function tokenIn(body: string): string | undefined {
  try {
    const { token } = JSON.parse(body) as { readonly token?: unknown };
    return typeof token === "string" ? token : undefined;
  } catch {
    return undefined;
  }
}
