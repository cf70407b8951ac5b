import type { WireEvents } from "../wire.ts";
import { signedIn } from "./signing-in.ts";
import { takeLoss, takePing, takeReady, takeReset, takeUpdate } from "./store.ts";

/** The server tells something every ten seconds; when it does not, the connection is dead. */
const silenceMs = 25_000;

/** How long to wait before a stream is opened anew that the browser has given up. */
const againMs = 2_000;

let source: EventSource | undefined;
let lastId = "";
let heardAt = 0;
let again = 0;

let kept = false;

/** Listens as long as the page can be seen: a browser has few connections, for all of its tabs. */
export function keepListening(): void {
  if (document.visibilityState === "visible") listen();
  if (kept) return;
  kept = true;
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") stop();
    else if (signedIn.value === true) listen();
  });
  setInterval(() => {
    if (source === undefined || performance.now() - heardAt < silenceMs) return;
    takeLoss();
    listen();
  }, 1_000);
}

/** Whether this browser has signed in, or need not. Rejects when the dashboard cannot be reached. */
export async function askSignedIn(): Promise<boolean> {
  const response = await fetch("/session", { cache: "no-store" });
  if (!response.ok) throw new Error(await response.text());
  const answer = (await response.json()) as { readonly signedIn: boolean };
  return answer.signedIn;
}

/** Exchanges a token for a cookie. Returns why that failed, or undefined. */
export async function signInWith(token: string): Promise<string | undefined> {
  try {
    const response = await fetch("/session", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token }),
    });
    return response.ok ? undefined : await response.text();
  } catch {
    return "The dashboard cannot be reached.";
  }
}

function stop(): void {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

function listen(): void {
  stop();
  heardAt = performance.now();
  const since = lastId === "" ? "" : `?since=${encodeURIComponent(lastId)}`;
  const opened = new EventSource(`/events${since}`);
  source = opened;
  on(opened, "reset", takeReset);
  on(opened, "update", takeUpdate);
  on(opened, "ready", takeReady);
  on(opened, "ping", takePing);
  opened.addEventListener("error", () => {
    takeLoss();
    // A browser tries again by itself, but not after an answer that is none.
    if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
    again = setTimeout(() => void listenAgain(), againMs);
  });
}

async function listenAgain(): Promise<void> {
  try {
    signedIn.value = await askSignedIn();
  } catch {
    // It cannot be reached: a stream that is tried once more will tell.
  }
  if (signedIn.value !== false && document.visibilityState === "visible") listen();
}

function on<Name extends keyof WireEvents>(
  from: EventSource,
  name: Name,
  take: (data: WireEvents[Name]) => void,
): void {
  from.addEventListener(name, (event: MessageEvent<string>) => {
    heardAt = performance.now();
    if (event.lastEventId !== "") lastId = event.lastEventId;
    take(JSON.parse(event.data) as WireEvents[Name]);
  });
}
