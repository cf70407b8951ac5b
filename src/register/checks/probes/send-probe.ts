import type { HostRecord } from "../../../model/record.ts";
import type { Probe } from "../health-check.ts";
import type { ProbeTarget } from "../probe-target.ts";
import { askGrpc } from "./grpc.ts";
import { askHttp } from "./http.ts";
import { askTcp } from "./tcp.ts";

/**
 * Carries out a check that goes over the network. Resolves if the host is well, rejects with why not,
 * or at once with `signal.reason` when the signal aborts; either way its connection is closed then.
 * Loaded when it is first needed: who has no such check does not pay for it.
 */
export function sendProbe(
  probe: Probe,
  target: ProbeTarget,
  record: HostRecord,
  signal: AbortSignal,
): Promise<void> {
  switch (probe.type) {
    case "http":
      return askHttp(probe, target, record, signal);
    case "tcp":
      return askTcp(target, signal);
    case "grpc":
      return askGrpc(probe, target, signal);
  }
}
