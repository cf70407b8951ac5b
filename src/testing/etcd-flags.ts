import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type EtcdTls, readPem } from "./etcd-options.ts";

/** The addresses of one member. */
export interface MemberAddresses {
  readonly name: string;
  readonly endpoint: string;

  /** The port on which it listens for the other members. */
  readonly peerPort: number;

  /** Where the other members reach it. */
  readonly peer: string;
}

/** What all members of a cluster have in common. */
export interface ClusterFlags {
  readonly version: string;

  /** Another token gives the cluster another id. */
  readonly token: string;
  readonly tls: readonly string[];
  readonly args: readonly string[];
}

/** The flags of one member. Each also listens on the Unix socket `admin:0` of its folder, in plain text. */
export function memberFlags(
  member: MemberAddresses,
  all: readonly MemberAddresses[],
  cluster: ClusterFlags,
): string[] {
  return [
    ...["--name", member.name],
    ...["--listen-client-urls", `${member.endpoint},unix://admin:0`],
    ...["--advertise-client-urls", member.endpoint],
    ...["--listen-peer-urls", `http://127.0.0.1:${member.peerPort}`],
    ...["--initial-advertise-peer-urls", member.peer],
    ...["--initial-cluster", all.map(({ name, peer }) => `${name}=${peer}`).join(",")],
    ...["--initial-cluster-token", cluster.token],
    ...(knowsNoFsync(cluster.version) ? ["--unsafe-no-fsync"] : []),
    // bcrypt's cheapest cost: a password is no secret here, and signing in should take no time.
    ...["--bcrypt-cost", "4"],
    ...cluster.tls,
    ...cluster.args,
  ];
}

/** `--unsafe-no-fsync` came with etcd 3.5 (its changelog). What it risks, a power cut, does not matter here. */
function knowsNoFsync(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && minor >= 5);
}

/** The flags for TLS, which names files that are written into the folder. */
export async function tlsFlags(folder: string, tls: EtcdTls | undefined): Promise<string[]> {
  if (tls === undefined) return [];
  const file = async (name: "cert" | "key" | "ca", source: EtcdTls["cert"]) => {
    const path = join(folder, `${name}.pem`);
    await writeFile(path, await readPem(name, source), { mode: 0o600 });
    return path;
  };
  return [
    ...["--cert-file", await file("cert", tls.cert)],
    ...["--key-file", await file("key", tls.key)],
    ...(tls.ca === undefined ? [] : ["--trusted-ca-file", await file("ca", tls.ca)]),
    ...(tls.clientCertAuth === true ? ["--client-cert-auth"] : []),
  ];
}
