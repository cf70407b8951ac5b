import { type ChannelOptions, experimental } from "@grpc/grpc-js";
import { balancerName } from "./balancer-config.ts";

/** The service config that a resolver gives, as far as this package cares; gRPC does not export its type. */
type GivenConfig = Parameters<experimental.ResolverListener>[2];

/** What a channel's own options say of balancing. */
export interface ChannelConfig {
  /** Whether the balancing is ours. */
  readonly own: boolean;

  /** Null leaves everything to the channel's `grpc.service_config`. */
  readonly config: GivenConfig;
}

/**
 * Ours, with the retries and timeouts of a `grpc.service_config`; who asks in it for another kind of
 * balancing gets that. A config is not parsed, as gRPC takes a parsed one without a word for none.
 */
export function channelConfig(options: ChannelOptions): ChannelConfig {
  const text = options["grpc.service_config"];
  // The channel has checked it already.
  const given = text === undefined ? {} : (JSON.parse(text) as Given);
  if ((given.loadBalancingConfig?.length ?? 0) > 0) return { own: false, config: null };
  const config = {
    loadBalancingConfig: [{ [balancerName]: {} }],
    methodConfig: (given.methodConfig ?? []).map(withDuration),
    ...(given.retryThrottling === undefined ? {} : { retryThrottling: given.retryThrottling }),
  };
  return { own: true, config: experimental.statusOrFromValue(config) };
}

type Checked = Extract<NonNullable<GivenConfig>, { ok: true }>["value"];

interface Given {
  readonly loadBalancingConfig?: readonly object[];
  readonly methodConfig?: readonly (Omit<Checked["methodConfig"][number], "timeout"> & {
    readonly timeout?: string | experimental.Duration;
  })[];
  readonly retryThrottling?: NonNullable<Checked["retryThrottling"]>;
}

/** A timeout as gRPC has it after its checks, which a config from a resolver does not go through. */
function withDuration({
  timeout,
  ...rest
}: NonNullable<Given["methodConfig"]>[number]): Checked["methodConfig"][number] {
  const duration = typeof timeout === "string" ? experimental.parseDuration(timeout) : timeout;
  return duration === undefined || duration === null ? rest : { ...rest, timeout: duration };
}
