import type { EtcdAuth, EtcdCluster, EtcdRole } from "../../src/testing/index.ts";

/** Who may do what on an etcd. */
export interface EtcdUsers {
  /** Lets a role do more. */
  allow(role: EtcdRole): Promise<void>;
  changePassword(user: string, password: string): Promise<void>;
}

/**
 * Sets users up and asks for passwords from now on; whoever gives none may do nothing. The v2 API has
 * users of its own (etcd, Documentation/v2/auth_api.md).
 */
export async function askForPasswordsV2(
  { endpoint }: Pick<EtcdCluster, "endpoint">,
  { rootPassword, roles = [], users = [] }: EtcdAuth,
): Promise<EtcdUsers> {
  let authorization: string | undefined;
  const put = async (path: string, body: object): Promise<void> => {
    const response = await fetch(`${endpoint}/v2/auth/${path}`, {
      method: "PUT",
      headers: {
        "Content-Type": "application/json",
        ...(authorization && { Authorization: authorization }),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`etcd refused ${path}: ${await response.text()}`);
  };
  const authorize = (password: string): void => {
    authorization = `Basic ${Buffer.from(`root:${password}`).toString("base64")}`;
  };
  const nothing = { read: [], write: [] };
  const everything = { read: ["/*"], write: ["/*"] };
  await put("users/root", { user: "root", password: rootPassword });
  for (const { name } of roles) {
    await put(`roles/${name}`, { role: name, permissions: { kv: nothing } });
  }
  for (const { name, password, roles: of = [] } of users) {
    await put(`users/${name}`, { user: name, password, roles: of });
  }
  await put("enable", {});
  authorize(rootPassword);
  await put("roles/guest", { role: "guest", revoke: { kv: everything } });
  const allow = async ({ name, permissions }: EtcdRole): Promise<void> => {
    const keys = (access: "read" | "write") =>
      permissions.flatMap((each) => (each.access.includes(access) ? [`${each.prefix}*`] : []));
    const kv = { read: keys("read"), write: keys("write") };
    await put(`roles/${name}`, { role: name, grant: { kv } });
  };
  for (const role of roles) if (role.permissions.length > 0) await allow(role);
  return {
    allow,
    async changePassword(user, password) {
      await put(`users/${user}`, { user, password });
      if (user === "root") authorize(password);
    },
  };
}
