import { render } from "preact";
import { App } from "./app.tsx";
import { askSignedIn, keepListening, signInWith } from "./connection.ts";
import { listenToKeys } from "./page-keys.ts";
import { signedIn, signInProblem } from "./signing-in.ts";

/** A token comes behind the `#`, which no server and no log gets to see, and does not stay in the address. */
async function takeToken(): Promise<boolean> {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token === null) return false;
  history.replaceState(null, "", location.pathname + location.search);
  const problem = await signInWith(token);
  signInProblem.value = problem ?? "";
  return problem === undefined;
}

async function start(): Promise<void> {
  const root = document.getElementById("app");
  listenToKeys();
  if (root !== null) render(<App />, root);
  signedIn.subscribe((yes) => {
    if (yes === true) keepListening();
  });
  // A link that is followed in a tab that has the page does not load it anew.
  addEventListener("hashchange", () => {
    void takeToken().then((taken) => {
      if (taken) signedIn.value = true;
    });
  });
  await takeToken();
  signedIn.value = await askSignedIn().catch(() => true);
}

void start();
