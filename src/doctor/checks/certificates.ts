import { isLoopback } from "../addresses.ts";
import { type Check, fine, notChecked, problem, type Sight, warning } from "../finding.ts";
import type { CertificateFacts, EndpointFacts, ReachFacts } from "../facts.ts";
import { counted } from "../names.ts";
import { distrustRemedy } from "../reach-remedy.ts";

const dayMs = 24 * 60 * 60 * 1_000;

/** From how many days before it runs out a certificate is worth a warning, and is wrong. */
const soonDays = 30;
const nowDays = 7;

/** TLS: whether certificates are trusted and for how long, and what goes over the network without. */
export const certificates: Check<ReachFacts> = {
  name: "tls",
  title: "TLS",
  look: ({ endpoints, hasPassword, now, ourCertificate }) => {
    const sights = endpoints.map((endpoint) => ofEndpoint(endpoint, now, hasPassword));
    if (ourCertificate === undefined) return sights;
    const where = "our certificate";
    if (ourCertificate.told) return [...sights, ofCertificate(ourCertificate.value, now, where)];
    return [...sights, notChecked(ourCertificate.why, where)];
  },
};

function ofEndpoint(
  { address, certificate }: EndpointFacts,
  now: number,
  hasPassword: boolean,
): Sight {
  if (certificate === undefined) return plainText(address, hasPassword);
  if (!certificate.told) return notChecked(certificate.why, address);
  return ofCertificate(certificate.value, now, address);
}

function plainText(where: string, hasPassword: boolean): Sight {
  if (isLoopback(new URL(where).hostname)) return fine("none, and none needed on loopback", where);
  if (!hasPassword) return fine("none: whoever listens on the way reads along", where);
  const remedy = "Give etcd a certificate, and write https:// here.";
  return warning("none: the password for etcd goes over the network in the clear", {
    where,
    remedy,
  });
}

function ofCertificate(
  { distrust, subject, validTo }: CertificateFacts,
  now: number,
  where: string,
): Sight {
  const days = Math.floor((validTo - now) / dayMs);
  const until = new Date(validTo).toISOString().slice(0, 16).replace("T", " ");
  const name = `the certificate of ${JSON.stringify(subject)}`;
  const remedy = "Renew it; etcd and this package read the files again at each new connection.";
  if (validTo <= now) return problem(`${name} ran out at ${until} UTC`, { where, remedy });
  if (distrust !== undefined) {
    return problem(`${name} is not trusted: ${distrust}`, {
      where,
      remedy: distrustRemedy(distrust),
    });
  }
  const seen = `${name} runs out in ${counted(days, "day")}, at ${until} UTC`;
  if (days < nowDays) return problem(seen, { where, remedy });
  return days < soonDays ? warning(seen, { where, remedy }) : fine(seen, where);
}
