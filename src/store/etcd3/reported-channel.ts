import type { Clock } from "../../async/clock.ts";
import type { RpcCode, RpcReport } from "../etcd/rpc-report.ts";
import type {
  Channel,
  Duplex,
  DuplexMethod,
  DuplexObserver,
  DuplexOptions,
  Method,
  UnaryMethod,
  UnaryOptions,
} from "./channel.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

export interface ReportedChannelOptions {
  /** Where the channel leads to. */
  readonly endpoint: string;
  readonly clock: Clock;
  readonly report: RpcReport;
}

/** Passes everything on as it is, and tells of each call and stream when it is over. */
export class ReportedChannel implements Channel {
  readonly #channel: Channel;
  readonly #options: ReportedChannelOptions;

  constructor(channel: Channel, options: ReportedChannelOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  unary<I, O>(method: UnaryMethod<I, O>, request: NoInfer<I>, options: UnaryOptions): Promise<O> {
    const answer = this.#channel.unary(method, request, options);
    if (this.#options.report.rpcsWanted) this.#follow(method, answer);
    return answer;
  }

  duplex<I, O>(
    method: DuplexMethod<I, O>,
    options: DuplexOptions,
    observer: DuplexObserver<O>,
  ): Duplex<I> {
    // Whether anybody wants to know it is seen when it ends, which may be days from now.
    const startedAt = this.#options.clock.now();
    let over = false;
    const end = (code: RpcCode): void => {
      if (!over) this.#tell(method, code, startedAt, true);
      over = true;
    };
    const stream = this.#channel.duplex(method, options, {
      message: (message) => observer.message(message),
      ended: (error) => {
        end(codeOf(error));
        observer.ended(error);
      },
    });
    return {
      send: (message) => stream.send(message),
      cancel: () => {
        end("CANCELLED");
        stream.cancel();
      },
    };
  }

  disconnect(reason: Error): void {
    this.#channel.disconnect(reason);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  #follow(method: Method<never, unknown>, answer: Promise<unknown>): void {
    const startedAt = this.#options.clock.now();
    answer.then(
      () => this.#tell(method, "OK", startedAt, false),
      (error: unknown) => this.#tell(method, codeOf(error), startedAt, false),
    );
  }

  #tell({ path }: Method<never, unknown>, code: RpcCode, startedAt: number, stream: boolean): void {
    const { clock, endpoint, report } = this.#options;
    report.rpcEnded(rpcName(path), code, clock.now() - startedAt, endpoint, stream);
  }
}

/** A method's name without its package: `KV/Range` of `/etcdserverpb.KV/Range`. */
export function rpcName(path: string): string {
  return path.slice(path.indexOf(".") + 1);
}

const names = new Map<number, RpcCode>(
  Object.entries(GrpcStatus).map(([name, status]) => [status, name as RpcCode]),
);

/** Whatever is no status is an abort by the caller. */
function codeOf(error: unknown): RpcCode {
  return error instanceof GrpcError ? (names.get(error.status) ?? "UNKNOWN") : "CANCELLED";
}
