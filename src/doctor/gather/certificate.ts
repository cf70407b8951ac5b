import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { connect } from "node:tls";
import { onAbort } from "../../async/abort.ts";
import { type ChannelTls, tlsConnectOptions } from "../../store/etcd/tls.ts";
import type { CertificateFacts } from "../facts.ts";
import type { Limits } from "../told.ts";

/**
 * The certificate that an endpoint shows, also one that is not to be trusted: nothing is said to it but
 * the handshake, and nothing of what it says is believed.
 */
export function certificateOf(
  address: string,
  tls: ChannelTls | undefined,
  { signal }: Limits,
): Promise<CertificateFacts> {
  const { hostname, port } = new URL(address);
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port: Number(port || 443),
      ALPNProtocols: ["h2"],
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(tls === undefined ? {} : tlsConnectOptions(tls)),
      rejectUnauthorized: false,
    });
    const forget = onAbort(signal, () => socket.destroy(signal.reason as Error));
    socket.on("error", reject);
    socket.once("close", () => {
      forget();
      reject(new Error("it was closed by the other side"));
    });
    socket.once("secureConnect", () => {
      const { subject, valid_to: validTo } = socket.getPeerCertificate();
      resolve({
        subject: [subject.CN].flat().join(", "),
        validTo: Date.parse(validTo),
        distrust: socket.authorized ? undefined : String(socket.authorizationError),
      });
      socket.destroy();
    });
  });
}

/** Our own certificate, by which etcd knows us. Throws what reading it throws. */
export function ownCertificate(cert: NonNullable<ChannelTls["cert"]>): CertificateFacts {
  const isFile = typeof cert !== "string" && !(cert instanceof Uint8Array);
  const { subject, validTo } = new X509Certificate(
    Buffer.from(isFile ? readFileSync(cert.file) : cert),
  );
  const name = /^CN=(.*)$/m.exec(subject)?.[1] ?? "";
  return { subject: name, validTo: Date.parse(validTo), distrust: undefined };
}
