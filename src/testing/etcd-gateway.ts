import { request } from "node:http";
import { DiscoveryError } from "../errors.ts";

/** The JSON of etcd's gRPC gateway: bytes are base64, 64-bit numbers are strings. */
export type EtcdJson = Readonly<Record<string, unknown>>;

/**
 * Speaks to etcd's gRPC gateway over a Unix socket, which no option of etcd's TLS concerns.
 *
 * @throws DiscoveryError `UNAVAILABLE` if nothing answers, `TIMEOUT` if it does not in time,
 * `INVALID_ARGUMENT` with etcd's own words if it refuses.
 */
export function callGateway(
  socketPath: string,
  path: string,
  options: {
    /** Posted as JSON; without it the path is got. */
    readonly body?: EtcdJson | undefined;
    readonly token?: string | undefined;
    readonly timeoutMs: number;
  },
): Promise<EtcdJson> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(options.timeoutMs);
    const fail = (error: Error) => {
      reject(
        signal.aborted
          ? new DiscoveryError(
              "TIMEOUT",
              `etcd did not answer ${path} in ${options.timeoutMs} ms.`,
              { cause: error },
            )
          : new DiscoveryError("UNAVAILABLE", `etcd does not answer ${path}: ${error.message}.`, {
              cause: error,
            }),
      );
    };
    const call = request(
      {
        socketPath,
        path,
        method: options.body === undefined ? "GET" : "POST",
        agent: false,
        signal,
        headers: {
          host: "localhost",
          connection: "close",
          ...(options.token === undefined ? {} : { authorization: options.token }),
        },
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", fail);
        response.on("end", () => {
          try {
            const answer = parse(text);
            if (response.statusCode === 200) resolve(answer);
            else reject(refusal(path, words(answer) ?? text));
          } catch {
            // No JSON: what an address without a gateway answers.
            reject(refusal(path, text.trim()));
          }
        });
      },
    );
    call.on("error", fail);
    call.end(options.body === undefined ? undefined : JSON.stringify(options.body));
  });
}

function parse(text: string): EtcdJson {
  const value: unknown = JSON.parse(text);
  return typeof value === "object" && value !== null ? (value as EtcdJson) : {};
}

/** etcd's own words in an answer that is an error. */
function words({ message, error }: EtcdJson): string | undefined {
  return [message, error].find((text) => typeof text === "string");
}

function refusal(path: string, why: string): DiscoveryError {
  return new DiscoveryError("INVALID_ARGUMENT", `etcd refused ${path}: ${why}`);
}
