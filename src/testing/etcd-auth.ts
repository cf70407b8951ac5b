import { kindOf, refuse } from "../model/refuse.ts";
import type { EtcdJson } from "./etcd-gateway.ts";

/** Users and roles of a throwaway etcd that asks for a password. */
export interface EtcdAuth {
  /** The password of the user `root`, who may do everything. */
  readonly rootPassword: string;

  readonly roles?: readonly EtcdRole[] | undefined;

  readonly users?: readonly EtcdUser[] | undefined;
}

export interface EtcdRole {
  readonly name: string;

  readonly permissions: readonly {
    readonly access: "read" | "write" | "readwrite";
    /** All keys that begin so. */
    readonly prefix: string;
  }[];
}

export interface EtcdUser {
  readonly name: string;
  readonly password: string;

  /** Names of roles. Default: none, so that the user may sign in and nothing else. */
  readonly roles?: readonly string[] | undefined;
}

/** @throws DiscoveryError `INVALID_ARGUMENT` */
export function checkAuth(auth: EtcdAuth): void {
  if (typeof auth !== "object" || auth === null) {
    refuse("auth", `must be an object with a rootPassword, not ${kindOf(auth)}`);
  }
  checkText("auth.rootPassword", auth.rootPassword);
}

/** @throws DiscoveryError `INVALID_ARGUMENT` */
export function checkText(field: string, text: string): void {
  if (typeof text !== "string" || text === "") {
    refuse(field, "must be a string that is not empty");
  }
}

/** Sets up the users and roles and then turns authentication on. */
export async function setUpAuth(
  auth: EtcdAuth,
  post: (path: string, body: EtcdJson) => Promise<EtcdJson>,
): Promise<void> {
  for (const role of auth.roles ?? []) {
    await post("/v3/auth/role/add", { name: role.name });
    for (const { access, prefix } of role.permissions) {
      const perm = {
        permType: access.toUpperCase(),
        key: base64(prefix === "" ? Buffer.of(0) : Buffer.from(prefix)),
        range_end: base64(afterPrefix(Buffer.from(prefix))),
      };
      await post("/v3/auth/role/grant", { name: role.name, perm });
    }
  }
  await post("/v3/auth/role/add", { name: "root" });
  const root = { name: "root", password: auth.rootPassword, roles: ["root"] };
  for (const user of [...(auth.users ?? []), root]) {
    await post("/v3/auth/user/add", { name: user.name, password: user.password });
    for (const role of user.roles ?? []) {
      await post("/v3/auth/user/grant", { user: user.name, role });
    }
  }
  await post("/v3/auth/enable", {});
}

/** The same users, one of them with another password. */
export function withPassword(auth: EtcdAuth, user: string, password: string): EtcdAuth {
  if (user === "root") return { ...auth, rootPassword: password };
  const users = (auth.users ?? []).map((each) =>
    each.name === user ? { ...each, password } : each,
  );
  return { ...auth, users };
}

/** Signs in and returns the token. */
export async function rootToken(
  auth: EtcdAuth,
  post: (path: string, body: EtcdJson) => Promise<EtcdJson>,
): Promise<string> {
  const answer = await post("/v3/auth/authenticate", {
    name: "root",
    password: auth.rootPassword,
  });
  return String(answer["token"]);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** The first key that does not begin with `prefix`; etcd writes "to the end" as one zero byte. */
function afterPrefix(prefix: Buffer): Buffer {
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last === -1) return Buffer.of(0);
  const end = Buffer.from(prefix.subarray(0, last + 1));
  end[last] = (end[last] ?? 0) + 1;
  return end;
}
