import type { EtcdCluster } from "../../src/testing/index.ts";
import { fences } from "./pages.ts";
import { commandsOf } from "./shell.ts";

const base64 = (text: string): string => Buffer.from(text).toString("base64");

/** A right that a page grants. */
export interface Grant {
  readonly role: string;
  readonly access: "read" | "write" | "readwrite";
  readonly key: string;
  readonly isPrefix: boolean;
}

/** What commands of `etcdctl` on a page set up: who may what. */
export interface Rights {
  readonly roles: readonly string[];
  readonly grants: readonly Grant[];

  /** Names of users, and their roles. */
  readonly users: ReadonlyMap<string, readonly string[]>;
}

/** Reads the commands that are about users and roles; throws for one that it does not know. */
export function rightsOn(page: string): Rights {
  const roles: string[] = [];
  const grants: Grant[] = [];
  const users = new Map<string, string[]>();
  const blocks = fences.filter((fence) => fence.page === page && fence.language === "sh");
  for (const { words, text } of blocks.flatMap(({ text }) => commandsOf(text))) {
    const [program, noun, verb, ...rest] = words;
    if (program !== "etcdctl" || (noun === "auth" && verb === "enable")) continue;
    const [name = "", second = "", third = "", ...flags] = rest;
    if (noun === "role" && verb === "add") roles.push(name);
    else if (noun === "user" && verb === "add") users.set(name, []);
    else if (noun === "user" && verb === "grant-role") {
      const of = users.get(name);
      if (of === undefined || !roles.includes(second)) throw new Error(`nobody yet: ${text}`);
      of.push(second);
    } else if (noun === "role" && verb === "grant-permission") {
      if (!roles.includes(name)) throw new Error(`no such role yet: ${text}`);
      if (second !== "read" && second !== "write" && second !== "readwrite") throw new Error(text);
      const isPrefix = flags.includes("--prefix");
      if (flags.length > Number(isPrefix)) throw new Error(`unknown flags: ${text}`);
      grants.push({ role: name, access: second, key: third, isPrefix });
    } else throw new Error(`unknown: ${text}`);
  }
  return { roles, grants, users };
}

/** Grants a right to a role. */
export async function grant(
  etcd: EtcdCluster,
  { role, access, key, isPrefix }: Grant,
): Promise<void> {
  // The first key that no longer begins so: keys here end in a slash, which `0` follows.
  if (isPrefix && !key.endsWith("/")) throw new Error(`${key} would reach its neighbours`);
  const end = isPrefix ? { range_end: base64(`${key.slice(0, -1)}0`) } : {};
  const perm = { permType: access.toUpperCase(), key: base64(key), ...end };
  await etcd.call("/v3/auth/role/grant", { name: role, perm });
}

/** Takes a right away. */
export async function revoke(etcd: EtcdCluster, { role, key, isPrefix }: Grant): Promise<void> {
  const end = isPrefix ? { range_end: base64(`${key.slice(0, -1)}0`) } : {};
  await etcd.call("/v3/auth/role/revoke", { role, key: base64(key), ...end });
}

/** Carries all of it out, but for root, who is there already; everybody's password is made of the name. */
export async function setUp(etcd: EtcdCluster, { roles, grants, users }: Rights): Promise<void> {
  for (const name of roles) if (name !== "root") await etcd.call("/v3/auth/role/add", { name });
  for (const each of grants) await grant(etcd, each);
  for (const [name, of] of users) {
    if (name === "root") continue;
    await etcd.call("/v3/auth/user/add", { name, password: passwordOf(name) });
    for (const role of of) await etcd.call("/v3/auth/user/grant", { user: name, role });
  }
}

export function passwordOf(user: string): string {
  return `${user}-password`;
}
