import { generate } from "selfsigned";

/** A certificate and its key, in PEM. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

export interface Certificates {
  readonly ca: KeyPair;

  /** For 127.0.0.1, ::1 and localhost, signed by `ca`. */
  readonly server: KeyPair;

  /** Signed by `ca`. */
  readonly client: KeyPair;

  /** Of the same name as `ca`, but another. */
  readonly wrongCa: KeyPair;
}

/** For how many hours certificates are valid from now on; below 0: for how many they have not been. */
export interface Validity {
  readonly server?: number;
  readonly client?: number;
}

/** Makes a set of certificates for one test; they are valid for a day, unless told otherwise. */
export async function makeCertificates({
  client: clientHours = dayHours,
  server: serverHours = dayHours,
}: Validity = {}): Promise<Certificates> {
  const [ca, wrongCa] = await Promise.all([makeCa(), makeCa()]);
  const [server, client] = await Promise.all([
    // etcd's gateway shows the server's own certificate when it calls the server behind it.
    makeLeaf("localhost", ca, { serverAuth: true, clientAuth: true }, serverHours),
    makeLeaf("client", ca, { clientAuth: true }, clientHours),
  ]);
  return { ca, server, client, wrongCa };
}

const dayHours = 24;

function makeCa(): Promise<KeyPair> {
  return make("Test CA", undefined, 366 * dayHours, [
    { name: "basicConstraints", cA: true, critical: true },
    { name: "keyUsage", keyCertSign: true, cRLSign: true, critical: true },
  ]);
}

function makeLeaf(
  name: string,
  ca: KeyPair,
  usage: { serverAuth?: boolean; clientAuth: boolean },
  hours: number,
): Promise<KeyPair> {
  return make(name, ca, hours, [
    { name: "basicConstraints", cA: false, critical: true },
    { name: "keyUsage", digitalSignature: true, critical: true },
    { name: "extKeyUsage", ...usage },
    {
      name: "subjectAltName",
      altNames: [
        { type: 2, value: "localhost" },
        { type: 7, ip: "127.0.0.1" },
        { type: 7, ip: "::1" },
      ],
    },
  ]);
}

type Extensions = NonNullable<NonNullable<Parameters<typeof generate>[1]>["extensions"]>;

async function make(
  name: string,
  ca: KeyPair | undefined,
  hours: number,
  extensions: Extensions,
): Promise<KeyPair> {
  const now = Date.now();
  const hourMs = 3_600_000;
  const made = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    algorithm: "sha256",
    // A little in the past, for clocks that disagree.
    notBeforeDate: new Date(now + Math.min(hours, 0) * hourMs - hourMs),
    notAfterDate: new Date(now + hours * hourMs),
    extensions,
    ...(ca === undefined ? {} : { ca: { cert: ca.cert, key: ca.key } }),
  });
  return { cert: made.cert, key: made.private };
}
