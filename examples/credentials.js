// @ts-check
// One of several hosts of a public service that share a user and a password. Told by SIGHUP, it gives
// the service a new password, which all the others take over; no password is printed.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { Discovery } from "etcd-discovery";

const { PORT = "8080", PUBLIC_HOSTNAME = "127.0.0.1", SERVICE_PASSWORD } = process.env;

/** @type {string[]} The newest first; the one before is good for clients that do not know it yet. */
let passwords = [];

const server = createServer((request, response) => {
  const given = request.headers.authorization;
  const known = passwords.some((each) => given === `Basic ${btoa(`team:${each}`)}`);
  if (!known) response.writeHead(401, { "www-authenticate": "Basic" });
  response.end(known ? `hello from ${process.pid}\n` : "who are you?\n");
});
server.listen(Number(PORT));
await once(server, "listening");
const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());

const discovery = new Discovery({ logger: console });
discovery.closeOn("SIGTERM", "SIGINT");
const registration = discovery.register("secret", {
  ...{ public: true, hostname: PUBLIC_HOSTNAME, ports: { http: port } },
  // A host that is given neither takes those of its service.
  ...(SERVICE_PASSWORD && { user: "team", password: SERVICE_PASSWORD }),
});
await registration.waitRegistration();
process.on("SIGHUP", () => void rotate());

/** @param {string} password @param {string} how */
function take(password, how) {
  passwords = [password, ...passwords.slice(0, 1)];
  console.log(`${registration.uuid} ${how}`);
}
take(registration.credentials().password, "is registered");

async function rotate() {
  const password = randomBytes(24).toString("base64url");
  // Taken before anybody can know it.
  take(password, "gives the service a new password");
  await registration.rotateCredentials({ user: "team", password });
  console.log(`${registration.uuid} has rotated`);
}

for await (const { password } of registration.credentialChanges()) {
  take(password, "has taken over a new password");
}
