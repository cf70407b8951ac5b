import type { Clock } from "../../async/clock.ts";
import type { RpcCode, RpcReport } from "../etcd/rpc-report.ts";
import type { ExchangeObserver, HttpRequest } from "./exchange.ts";
import {
  type HttpAnswer,
  type HttpCallOptions,
  HttpChannel,
  type HttpChannelOptions,
  type OpenExchange,
} from "./http-channel.ts";
import { HttpError } from "./http-error.ts";

/** Tells of each request when it is over, and of each poll that ends by itself. */
export class ReportedHttpChannel extends HttpChannel {
  readonly #report: RpcReport;
  readonly #clock: Clock;

  constructor(options: HttpChannelOptions, report: RpcReport) {
    super(options);
    this.#report = report;
    this.#clock = options.clock;
  }

  override request(request: HttpRequest, options: HttpCallOptions): Promise<HttpAnswer> {
    const answer = super.request(request, options);
    if (this.#report.rpcsWanted) {
      const end = this.#begin(nameOf(request), false);
      answer.then(
        ({ status }) => end(codeOfStatus(status)),
        (error: unknown) => end(codeOf(error)),
      );
    }
    return answer;
  }

  override stream(request: HttpRequest, observer: ExchangeObserver): OpenExchange {
    const end = this.#begin("Keys/Watch", true);
    let status = 0;
    return super.stream(request, {
      head: (head, headers) => {
        status = head;
        observer.head(head, headers);
      },
      data: (chunk) => observer.data(chunk),
      ended: () => {
        end(codeOfStatus(status));
        observer.ended();
      },
      failed: (error) => {
        end(codeOf(error));
        observer.failed(error);
      },
    });
  }

  /** Returns what tells of the end. */
  #begin(name: string, stream: boolean): (code: RpcCode) => void {
    const startedAt = this.#clock.now();
    return (code) => {
      const tookMs = this.#clock.now() - startedAt;
      this.#report.rpcEnded(name, code, tookMs, this.address, stream);
    };
  }
}

const names = { GET: "Keys/Get", PUT: "Keys/Put", DELETE: "Keys/Delete" } as const;

function nameOf({ method, path }: HttpRequest): string {
  return path.startsWith("/v2/keys") ? names[method] : "Members/Leader";
}

/** The HTTP statuses of etcd's keys API (etcd, Documentation/v2/errorcode.md) in the words of gRPC. */
const codes: Readonly<Record<number, RpcCode>> = {
  400: "INVALID_ARGUMENT",
  401: "UNAUTHENTICATED",
  403: "PERMISSION_DENIED",
  404: "NOT_FOUND",
  408: "DEADLINE_EXCEEDED",
  412: "FAILED_PRECONDITION",
  429: "RESOURCE_EXHAUSTED",
  500: "INTERNAL",
  502: "UNAVAILABLE",
  503: "UNAVAILABLE",
  504: "DEADLINE_EXCEEDED",
};

function codeOfStatus(status: number): RpcCode {
  return status >= 200 && status < 300 ? "OK" : (codes[status] ?? "UNKNOWN");
}

/** Of a request that got no answer. Whatever is no failure is an abort by the caller. */
function codeOf(error: unknown): RpcCode {
  if (!(error instanceof HttpError)) return "CANCELLED";
  if (error.blame === "silence") return "DEADLINE_EXCEEDED";
  return error.blame === "request" ? "RESOURCE_EXHAUSTED" : "UNAVAILABLE";
}
