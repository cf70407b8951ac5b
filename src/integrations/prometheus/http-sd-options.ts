import { optionsBag } from "../../arguments.ts";
import { assertServiceName } from "../../model/keys.ts";
import { readBoolean } from "../../model/option-values.ts";
import { assertOptionalString, kindOf, refuse } from "../../model/refuse.ts";
import { BearerToken } from "./bearer-token.ts";
import { checkRegistry, type MetricsRegistry } from "./discovery-metrics.ts";
import { metadataLabels } from "./label-names.ts";
import type { TargetRules } from "./target-groups.ts";

export interface HttpSdOptions {
  /** The name of the port that is the target's; hosts without it are left out. Default: `http`, else `https`. */
  readonly scheme?: string | undefined;

  /** Whether targets are private hostnames and ports. Default: false. */
  readonly private?: boolean | undefined;

  /** The services whose hosts are told. Default: all. */
  readonly services?: readonly string[] | undefined;

  /** The names of the metadata that become labels, `__meta_etcd_discovery_metadata_<name>`. Default: none. */
  readonly labels?: readonly string[] | undefined;

  /** What requests have to carry as `Authorization: Bearer …`. Default: nothing; to be given wherever others than this machine can ask. */
  readonly token?: string | undefined;

  /** Where to put `etcd_discovery_http_sd_targets`: how many hosts the last answer had, and how many it left out. Default: nowhere. */
  readonly registry?: MetricsRegistry | undefined;
}

export interface HttpSdSettings {
  readonly services: readonly string[] | undefined;
  readonly rules: TargetRules;
  readonly token: BearerToken;
  readonly registry: MetricsRegistry | undefined;
}

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function checkHttpSdOptions(options: HttpSdOptions | undefined): HttpSdSettings {
  const bag = optionsBag(options, {
    ...{ scheme: true, private: true, services: true, labels: true },
    ...{ token: true, registry: true },
  });
  const { scheme } = bag;
  assertOptionalString("scheme", scheme);
  if (scheme === "") refuse("scheme", 'must be the name of a port, such as "http"');
  return {
    services: checkServices(bag.services),
    rules: {
      scheme,
      private: readBoolean("private", bag.private, false),
      metadata: metadataLabels(bag.labels),
    },
    token: new BearerToken(bag.token),
    registry: bag.registry && checkRegistry(bag.registry),
  };
}

function checkServices(services: unknown): readonly string[] | undefined {
  if (services === undefined) return undefined;
  if (!Array.isArray(services)) {
    refuse("services", `must be a list of names, not ${kindOf(services)}`);
  }
  return Array.from(services, (name: unknown) => {
    assertServiceName(name);
    return name;
  });
}
