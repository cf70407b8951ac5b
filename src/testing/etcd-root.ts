import { DiscoveryError } from "../errors.ts";
import { refuse } from "../model/refuse.ts";
import {
  checkAuth,
  checkText,
  type EtcdAuth,
  rootToken,
  setUpAuth,
  withPassword,
} from "./etcd-auth.ts";
import type { EtcdJson } from "./etcd-gateway.ts";
import type { LocalEtcdMember } from "./local-etcd-member.ts";

const callTimeoutMs = 10_000;

/** Speaks to the members of a cluster as the user who may do everything. */
export class EtcdRoot {
  /** The users there are; `undefined` while nobody is asked for a password. */
  auth: EtcdAuth | undefined;
  readonly #members: () => readonly LocalEtcdMember[];

  constructor(auth: EtcdAuth | undefined, members: () => readonly LocalEtcdMember[]) {
    this.auth = auth;
    this.#members = members;
  }

  /** Calls a member that can be expected to answer. */
  async call(path: string, body: EtcdJson): Promise<EtcdJson> {
    const member =
      this.#members().find(({ serving }) => serving) ??
      this.#members().find(({ pid }) => pid !== undefined);
    if (member === undefined) throw new DiscoveryError("UNAVAILABLE", "This etcd does not run.");
    return await this.ask(member, path, body);
  }

  /** Calls this member. */
  async ask(
    { process }: LocalEtcdMember,
    path: string,
    body: EtcdJson,
    timeoutMs: number = callTimeoutMs,
  ): Promise<EtcdJson> {
    const post = (to: string, what: EtcdJson, token?: string): Promise<EtcdJson> =>
      process.call(to, { body: what, token, timeoutMs });
    return await post(path, body, this.auth && (await rootToken(this.auth, post)));
  }

  /** The newest revision. */
  async revision(): Promise<number> {
    const key = Buffer.of(0).toString("base64");
    const { header } = await this.call("/v3/kv/range", { key });
    return Number((header as EtcdJson)["revision"]);
  }

  /** Makes an empty cluster know its users. */
  async setUp(): Promise<void> {
    const { auth } = this;
    if (auth === undefined) return;
    this.auth = undefined;
    try {
      await this.enableAuth(auth);
    } finally {
      // Also after a failure: the cluster may be tried again with other ports.
      this.auth = auth;
    }
  }

  async enableAuth(auth: EtcdAuth): Promise<void> {
    checkAuth(auth);
    if (this.auth !== undefined) refuse("auth", "this etcd asks for a password already");
    await setUpAuth(auth, (path, body) => this.call(path, body));
    this.auth = auth;
  }

  async changePassword(user: string, password: string): Promise<void> {
    checkText("user", user);
    checkText("password", password);
    await this.call("/v3/auth/user/changepw", { name: user, password });
    if (this.auth !== undefined) this.auth = withPassword(this.auth, user, password);
  }
}
