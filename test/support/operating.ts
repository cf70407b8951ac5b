import { randomUUID } from "node:crypto";
import { Discovery, type HostOptions, type Registration } from "../../src/index.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { type EtcdApi, type Seen, seen } from "./apis.ts";
import { runChild, type Child } from "./child.ts";
import type { RawEtcd } from "./raw-etcd.ts";
import type { RawEtcdV2 } from "./raw-etcd-v2.ts";
import { type CommandRun, runCommand, type RunOptions } from "./run-command.ts";

/** An etcd with services on it, and an operator beside it. */
export interface Operating extends AsyncDisposable {
  readonly etcd: EtcdCluster;
  readonly raw: RawEtcd | RawEtcdV2;
  readonly prefix: string;

  /** A name that no other test uses. */
  readonly name: () => string;

  /** Registers a host from this process. */
  readonly register: (service: string, host?: HostOptions) => Promise<Registration>;

  /** Registers a host from a process of its own, which says its `uuid`, and each `state` and each new `password`. */
  readonly registerElsewhere: (service: string, host?: HostOptions) => Promise<Child>;

  /** Writes a host's record that nobody keeps. */
  readonly putByHand: (service: string, uuid: string, text: string) => Promise<void>;

  /** A record, without its password's being looked for. */
  readonly record: (service: string, uuid: string) => Promise<Seen | undefined>;
  readonly info: (service: string) => Promise<{ user: string; password: string }>;

  /** Runs the command. */
  readonly run: (args: readonly string[], options?: RunOptions) => CommandRun;
}

export const publicHost: HostOptions = {
  hostname: "public-domain.dev",
  ports: { http: 80 },
  privateHostname: "node-1.internal.dev",
  public: true,
  user: "user",
  password: "first-secret",
};

/** Starts an etcd. */
export async function operating(etcdApi: EtcdApi): Promise<Operating> {
  const { api, start } = etcdApi;
  const etcd = await start();
  const raw = etcdApi.raw(etcd);
  const prefix = `/operate-${randomUUID()}`;
  const options = { api, endpoints: etcd.endpoints, prefix };
  const discovery = new Discovery(options);
  const children: Child[] = [];
  const hostKey = (service: string, uuid: string) => `${prefix}/services/${service}/${uuid}`;
  return {
    ...{ etcd, raw, prefix },
    name: () => `service-${randomUUID()}`,
    async register(service, host = publicHost) {
      const registration = discovery.register(service, host);
      await registration.waitRegistration();
      return registration;
    },
    async registerElsewhere(service, host = publicHost) {
      const child = await runChild(`
        process.stdin.on("end", () => process.exit()).resume();
        const discovery = new Discovery(${JSON.stringify(options)});
        const registration = discovery.register(${JSON.stringify(service)}, ${JSON.stringify(host)});
        registration.on("state", (state) => say({ state }));
        registration.on("credentials", ({ password }) => say({ password }));
        await registration.waitRegistration();
        say({ uuid: registration.uuid });
      `);
      children.push(child);
      return child;
    },
    async putByHand(service, uuid, text) {
      await raw.put(hostKey(service, uuid), text);
    },
    record: async (service, uuid) => seen(await raw.get(hostKey(service, uuid))),
    async info(service) {
      const { value = "{}" } = (await raw.get(`${prefix}/services_infos/${service}`)) ?? {};
      return JSON.parse(value) as { user: string; password: string };
    },
    run(args, { env, ...more } = {}) {
      const variables = {
        ETCD_HOSTS: etcd.endpoints.join(","),
        ETCD_API: String(api),
        ETCD_PREFIX: prefix,
      };
      return runCommand(args, { env: { ...variables, ...env }, ...more });
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(children.map((child) => child[Symbol.asyncDispose]()));
      await discovery.close();
      await etcd.stop();
    },
  };
}

/** The uuid that a child has registered under. */
export async function uuidOf(child: Child): Promise<string> {
  const { uuid = "" } = await child.heard<{ uuid?: string }>(({ uuid }) => uuid !== undefined);
  return uuid;
}
