import type { experimental } from "@grpc/grpc-js";
import { assertServiceName } from "../../model/keys.ts";
import { quote, refuse } from "../../model/refuse.ts";
import type { ResolverSettings } from "./resolver-options.ts";

/** Whom a channel is to call. */
export interface Target {
  /** As it was written, for messages. */
  readonly text: string;
  readonly service: string;

  /** The shard, or undefined: whatever the options say. */
  readonly shard: string | undefined;

  /** The name of the port. */
  readonly port: string;

  /** Whether hosts are reached on the private network. */
  readonly private: boolean;

  /** What certificates are checked against: the service's name as it stands in the target. */
  readonly authority: string;
}

/**
 * Reads a target such as `etcd:///my-service` or `etcd:///my-service?port=grpc&shard=shard-0&private=true`.
 * Throws `INVALID_ARGUMENT`.
 */
export function parseTarget(
  { scheme = "", authority = "", path }: experimental.GrpcUri,
  defaults: Pick<ResolverSettings, "port" | "private">,
): Target {
  const text = `${scheme}://${authority}/${path.replace(/^\//, "")}`;
  const argument = `target ${quote(text)}`;
  if (authority !== "") {
    refuse(
      argument,
      `leave out ${quote(authority)} and write three slashes, as in "${scheme}:///my-service"; another Discovery has a scheme of its own`,
    );
  }
  const [name = "", query = ""] = path.replace(/^\//, "").split(/\?(.*)/s);
  const service = decoded(argument, name);
  assertServiceName(service);
  const parameters = new URLSearchParams(query);
  for (const [parameter] of parameters) {
    if (!known.includes(parameter)) {
      refuse(argument, `${quote(parameter)} is not known; there are ${known.join(", ")}`);
    }
  }
  return {
    text,
    service,
    shard: parameters.get("shard") ?? undefined,
    port: parameters.get("port") || defaults.port,
    private: readPrivate(argument, parameters.get("private")) ?? defaults.private,
    authority: name,
  };
}

const known = ["port", "private", "shard"];

function decoded(argument: string, name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    refuse(argument, "has a % that encodes nothing; write it as %25");
  }
}

function readPrivate(argument: string, value: string | null): boolean | undefined {
  if (value === null) return undefined;
  if (value === "true" || value === "false") return value === "true";
  refuse(argument, `private must be true or false, not ${quote(value)}`);
}
