import { render } from "preact";
import { App } from "./app.tsx";
import { askSignedIn, keepListening, signInWith } from "./connection.ts";
import { listenToKeys } from "./page-keys.ts";
import { signedIn } from "./store.ts";

/** A token comes behind the `#`, which no server and no log gets to see, and does not stay in the address. */
async function takeToken(): Promise<void> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return;
  history.replaceState(null, "", location.pathname + location.search);
  await signInWith(token);
}

async function start(): Promise<void> {
  listenToKeys();
  const root = document.getElementById("app");
  if (root !== null) render(<App />, root);
  await takeToken();
  signedIn.value = await askSignedIn().catch(() => true);
  let listening = false;
  signedIn.subscribe((yes) => {
    if (yes !== true || listening) return;
    listening = true;
    keepListening();
  });
}

void start();
