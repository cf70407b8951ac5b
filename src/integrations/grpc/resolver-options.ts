import type { Metadata } from "@grpc/grpc-js";
import { optionalMilliseconds, optionsBag } from "../../arguments.ts";
import { checkLiveOptions, type LiveOptions } from "../../find/live/live-options.ts";
import { weighted } from "../../find/live/weighted.ts";
import { readBoolean } from "../../model/option-values.ts";
import { kindOf, refuse, shown } from "../../model/refuse.ts";

/** How targets are resolved; what is not told here is told at `LiveOptions`. */
export interface EtcdResolverOptions extends Omit<LiveOptions, "signal" | "snapshot"> {
  /** What targets begin with. Default: `etcd`, as in `etcd:///my-service`. */
  readonly scheme?: string | undefined;

  /** The port of the hosts that is called, by its name; a target may name another one: `?port=…`. Default: `grpc`. */
  readonly port?: string | undefined;

  /** Whether hosts are called by their private hostnames and ports; a target may say so, too: `?private=true`. Default: false. */
  readonly private?: boolean | undefined;

  /**
   * Sends user and password of the host that is called along with each call, as
   * `authorization: Basic …`, unless the call has an `authorization` of its own. In the clear, if
   * the channel is. Default: false.
   */
  readonly credentials?: boolean | undefined;

  /** What a call is about, by its metadata, for strategies that mind keys, such as `consistentHash()`. Default: nothing. */
  readonly key?: ((metadata: Metadata) => string | undefined) | undefined;

  /** For how long calls wait for etcd to tell the hosts the first time, in milliseconds; then they fail with `UNAVAILABLE`. Default: 5,000. */
  readonly waitMs?: number | undefined;

  /**
   * A folder that exists, to keep the hosts in, so that a process can start while etcd is away: a
   * file each service, with their passwords, readable for its owner only. Default: none.
   */
  readonly snapshotFolder?: string | undefined;

  /** How a host is chosen. Default: `weighted()`, by turns. */
  readonly strategy?: LiveOptions["strategy"];

  /** Connections are made to so many of the hosts. Default: 100. */
  readonly subset?: LiveOptions["subset"];
}

/** Options that were checked, with the defaults filled in. */
export interface ResolverSettings {
  readonly scheme: string;
  readonly port: string;
  readonly private: boolean;
  readonly credentials: boolean;
  readonly key: ((metadata: Metadata) => string | undefined) | undefined;
  readonly waitMs: number;
  readonly snapshotFolder: string | undefined;
  readonly live: LiveOptions;
}

/** Schemes of gRPC itself. */
const taken = ["dns", "http", "https", "ipv4", "ipv6", "unix", "xds"];

/** Throws `INVALID_ARGUMENT`, naming the field. */
export function checkResolverOptions(options: EtcdResolverOptions | undefined): ResolverSettings {
  const bag = optionsBag(options, {
    ...{ scheme: true, port: true, private: true, credentials: true, key: true, waitMs: true },
    ...{ shard: true, metadata: true, strategy: true, prefer: true, subset: true },
    ...{ maxStaleMs: true, ejection: true, suspects: true, snapshotFolder: true },
  });
  const { scheme = "etcd", port = "grpc", key } = bag;
  const { shard, metadata, prefer, maxStaleMs, ejection, suspects, snapshotFolder } = bag;
  if (typeof scheme !== "string" || !/^[a-z][a-z0-9+.-]*$/.test(scheme) || taken.includes(scheme)) {
    refuse(
      "scheme",
      `must be one of your own in small letters, such as "etcd", not ${shown(scheme)}`,
    );
  }
  if (typeof port !== "string" || port === "") {
    refuse("port", `must be the name of a port, such as "grpc", not ${shown(port)}`);
  }
  if (key !== undefined && typeof key !== "function") {
    refuse("key", `must be a function that is given the metadata of a call, not ${kindOf(key)}`);
  }
  if (
    snapshotFolder !== undefined &&
    (typeof snapshotFolder !== "string" || snapshotFolder === "")
  ) {
    refuse("snapshotFolder", `must be the name of a folder, not ${shown(snapshotFolder)}`);
  }
  const live = {
    ...{ shard, metadata, prefer, maxStaleMs, ejection, suspects },
    strategy: bag.strategy ?? weighted(),
    subset: bag.subset ?? 100,
  };
  // Now, and not in a call that is made some day.
  checkLiveOptions(live, Math.random);
  return {
    ...{ scheme, port, key, snapshotFolder, live },
    private: readBoolean("private", bag.private, false),
    credentials: readBoolean("credentials", bag.credentials, false),
    waitMs: optionalMilliseconds("waitMs", bag.waitMs, 0) ?? 5_000,
  };
}
