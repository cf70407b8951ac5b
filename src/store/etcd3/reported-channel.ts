import type { Clock } from "../../async/clock.ts";
import type { RpcCode, RpcReport } from "../etcd/rpc-report.ts";
import type { Channel, Method } from "./channel.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

export interface ReportedChannelOptions {
  /** Where the channel leads to. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly report: RpcReport;
}

/**
 * A channel that passes everything on as it is, and tells of each call when it is over, and of each
 * stream that ends by itself.
 */
export function reportedChannel(channel: Channel, options: ReportedChannelOptions): Channel {
  const { clock, endpoint, report } = options;
  /** Returns what tells of the end. */
  const begin = ({ path }: Method<never, unknown>, stream: boolean): ((code: RpcCode) => void) => {
    const startedAt = clock.now();
    return (code) =>
      report.rpcEnded(rpcName(path), code, clock.now() - startedAt, endpoint, stream);
  };
  return {
    unary(method, request, unaryOptions) {
      const answer = channel.unary(method, request, unaryOptions);
      if (report.rpcsWanted) {
        const end = begin(method, false);
        answer.then(
          () => end("OK"),
          (error: unknown) => end(codeOf(error)),
        );
      }
      return answer;
    },
    duplex(method, duplexOptions, observer) {
      // Whether anybody wants to know it is seen when it ends, which may be days from now.
      const end = begin(method, true);
      return channel.duplex(method, duplexOptions, {
        opened: () => observer.opened?.(),
        message: (message) => observer.message(message),
        ended: (error) => {
          end(codeOf(error));
          observer.ended(error);
        },
      });
    },
    disconnect: (reason) => channel.disconnect(reason),
    close: () => channel.close(),
  };
}

/** A method's name without its package: `KV/Range` of `/etcdserverpb.KV/Range`. */
export function rpcName(path: string): string {
  return path.slice(path.indexOf(".") + 1);
}

/** They are numbered in this order. */
const names = Object.keys(GrpcStatus) as RpcCode[];

/** Whatever is no status is an abort by the caller. */
function codeOf(error: unknown): RpcCode {
  return error instanceof GrpcError ? (names[error.status] ?? "UNKNOWN") : "CANCELLED";
}
