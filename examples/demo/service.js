// @ts-check
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";

/**
 * One instance of the service: a small HTTP server that registers itself, wants the password that
 * all instances share, and leaves gently.
 *
 * @param {object} options
 * @param {import("etcd-discovery").Discovery} options.discovery
 * @param {string} options.service the name that all instances register under
 * @param {string} options.node the name of this one
 * @param {boolean} options.bringsPassword if not, it takes the password that the others have
 * @param {import("./timeline.js").Tell} options.tell
 */
export async function startService({ discovery, service, node, bringsPassword, tell }) {
  /** @type {string[]} The newest password first; the one before is good for calls under way. */
  let passwords = [];
  const server = createServer((request, response) => {
    const known = passwords.some((password) => basic(password) === request.headers.authorization);
    response.statusCode = known ? 200 : 401;
    response.end(known ? `hello from ${node}` : "who are you?");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = /** @type {import("node:net").AddressInfo} */ (server.address());

  const registration = discovery.register(service, {
    hostname: "127.0.0.1",
    ports: { http: address.port },
    privateHostname: node,
    public: true,
    ...(bringsPassword ? { user: "demo", password: newPassword() } : {}),
  });
  await registration.waitRegistration();
  passwords = [registration.credentials().password];
  const whose = bringsPassword ? "its own" : "the shared";
  tell(
    "registered",
    `registered 127.0.0.1:${address.port} (pid ${process.pid}), ${whose} password`,
  );

  registration.on("credentials", ({ password }) => {
    passwords = [password, ...passwords.slice(0, 1)];
    tell("adopted", "took the new password");
  });

  return {
    async rotate() {
      const password = newPassword();
      passwords = [password, ...passwords.slice(0, 1)];
      tell("rotating", "gives the service a new password");
      await registration.rotateCredentials({ user: "demo", password });
    },

    async leave() {
      tell("leaving", "wants to leave: no new work, please");
      await registration.drain({ delayMs: 1_000 });
      this.crash();
      tell("left", "has left");
    },

    /** Stops answering; in a process of its own the process would be gone. */
    crash() {
      server.close();
      server.closeAllConnections();
    },
  };
}

function newPassword() {
  return randomBytes(12).toString("base64url");
}

/** @param {string} password */
function basic(password) {
  return `Basic ${Buffer.from(`demo:${password}`).toString("base64")}`;
}
