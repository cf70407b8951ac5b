import { CallError } from "../store/etcd/call-error.ts";

const trust =
  "--cacert must name the authority that has signed etcd's certificate (ETCD_CACERT); without it, those that Node.js trusts are asked.";

/** By the codes that Node.js and OpenSSL give. */
const remedies: readonly (readonly [code: RegExp, remedy: string])[] = [
  [
    /^ECONNREFUSED$/,
    "Nothing listens there. Is etcd running, and is the port right? --endpoints or ETCD_HOSTS say where it is.",
  ],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    "The name is not known here. Is it spelt right, and does DNS know it?",
  ],
  [
    /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/,
    "Nothing comes back from there. Is the address right, and does a firewall let us through?",
  ],
  [/^CERT_HAS_EXPIRED$/, "Renew the certificate, and check the clock of this machine."],
  [
    /^CERT_NOT_YET_VALID$/,
    "Check the clocks of this machine and of the one that made the certificate.",
  ],
  [
    /^ERR_TLS_CERT_ALTNAME_INVALID$/,
    "The certificate bears other names than the endpoint. Use one of those, or give it by --servername.",
  ],
  [/^(SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED|UNABLE_TO_|CERT_)/, trust],
  [
    /^(ERR_SSL_WRONG_VERSION_NUMBER|EPROTO)$/,
    "It speaks no TLS, or another kind. Write http:// if etcd has none.",
  ],
  [
    /^ERR_SSL_.*(CERTIFICATE|HANDSHAKE)/,
    "It asks for our certificate, or does not take it: --cert and --key (ETCD_TLS_CERT, ETCD_TLS_KEY).",
  ],
];

/** It ended the connection, or spoke of something else. */
const others: Readonly<Record<string, string>> = {
  "http:": "Does it speak TLS? Then write https://. Or is it something else than etcd?",
  "https:":
    "Does it speak TLS? If not, write http://. Or does it ask for our certificate (--cert, --key)?",
};
const silent =
  "It takes connections, or swallows them, and says nothing. Does it hang, or does a firewall?";

/** What to do about an endpoint that cannot be reached, by the codes of what caused that. */
export function reachRemedy(address: string, error: unknown): string {
  for (const code of codesOf(error)) {
    const known = remedies.find(([pattern]) => pattern.test(code));
    if (known !== undefined) return known[1];
  }
  const spoke = error instanceof CallError && error.blame !== "silence";
  return (spoke ? others[new URL(address).protocol] : undefined) ?? silent;
}

/** What to do about a certificate that is not trusted. */
export function distrustRemedy(code: string): string {
  return remedies.find(([pattern]) => pattern.test(code))?.[1] ?? trust;
}

function codesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return [];
  const { cause, code } = error as NodeJS.ErrnoException;
  const own = typeof code === "string" ? [code] : [];
  const within = error instanceof AggregateError ? error.errors.flatMap(codesOf) : [];
  return [...own, ...within, ...codesOf(cause)];
}
