import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { signInWith } from "./connection.ts";
import { signedIn, signInProblem } from "./signing-in.ts";

/** Asks for the token that the dashboard's terminal, or the file it was started with, has. */
export function SignIn(): VNode {
  const [token, setToken] = useState("");
  const send = async (): Promise<void> => {
    const failed = await signInWith(token.trim());
    setToken("");
    signInProblem.value = failed ?? "";
    if (failed === undefined) signedIn.value = true;
  };
  return (
    <main class="sign-in">
      <h1>etcd-discovery</h1>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send();
        }}
      >
        <label for="token">Token</label>
        <input
          id="token"
          type="password"
          autocomplete="off"
          required
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
        <button type="submit">Sign in</button>
        <p role="alert">{signInProblem}</p>
        <p>
          It is in the link that <code>etcd-discovery ui</code> has printed last, or in the file
          that it was started with.
        </p>
      </form>
    </main>
  );
}
