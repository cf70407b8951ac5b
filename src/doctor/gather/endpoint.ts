import type { ConnectionOptions } from "../../discovery-options.ts";
import type { EndpointFacts } from "../facts.ts";
import { ask, type Limits } from "../told.ts";
import { certificateOf } from "./certificate.ts";
import { httpAnswers } from "./http-answers.ts";
import { memberAnswers } from "./member-answers.ts";

/** All that one endpoint says. */
export async function endpointFacts(
  address: string,
  connection: Pick<ConnectionOptions, "tls" | "auth">,
  limits: Limits,
): Promise<EndpointFacts> {
  const { tls } = connection;
  const isSecure = new URL(address).protocol === "https:";
  const [certificate, http, member] = await Promise.all([
    isSecure ? ask(limits, (within) => certificateOf(address, tls, within)) : undefined,
    ask(limits, (within) => httpAnswers(address, tls, within)),
    ask(limits, (within) => memberAnswers(address, connection, within)),
  ]);
  return { address, certificate, http, member };
}
