import type { IncomingHttpHeaders } from "node:http2";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";
import { decodeGrpcMessage } from "./grpc-message.ts";

/** grpc/grpc, doc/http-grpc-status-mapping.md; any other is `UNKNOWN`. */
const statusOfHttp: Readonly<Record<number, number>> = {
  400: GrpcStatus.INTERNAL,
  401: GrpcStatus.UNAUTHENTICATED,
  403: GrpcStatus.PERMISSION_DENIED,
  404: GrpcStatus.UNIMPLEMENTED,
  429: GrpcStatus.UNAVAILABLE,
  502: GrpcStatus.UNAVAILABLE,
  503: GrpcStatus.UNAVAILABLE,
  504: GrpcStatus.UNAVAILABLE,
};

const nameOfStatus: ReadonlyMap<number, string> = new Map(
  Object.entries(GrpcStatus).map(([name, status]) => [status, name]),
);

/**
 * What Go says of a call whose time was up at the server. grpc-go before 1.45, and so etcd 3.4, sends
 * it as `UNKNOWN` (grpc/grpc-go#5155), and it may come just before our own deadline strikes.
 */
const lateInGo = "context deadline exceeded";

/** The status that ends an answer, from its trailers or from headers that are its trailers, too. */
export function endOfAnswer(trailers: IncomingHttpHeaders): GrpcError | undefined {
  const text = trailers["grpc-status"];
  if (text === "0") return undefined;
  if (typeof text !== "string") {
    return new GrpcError(GrpcStatus.UNKNOWN, "the answer ended without a grpc-status");
  }
  const name = /^\d+$/.test(text) ? nameOfStatus.get(Number(text)) : undefined;
  const encoded = trailers["grpc-message"];
  const message =
    typeof encoded === "string" && encoded !== ""
      ? decodeGrpcMessage(encoded)
      : `grpc-status ${name ?? text}`;
  const status = name === undefined ? GrpcStatus.UNKNOWN : Number(text);
  const late = status === GrpcStatus.UNKNOWN && message === lateInGo;
  return new GrpcError(late ? GrpcStatus.DEADLINE_EXCEEDED : status, message, { answered: true });
}

/** Why these headers are not the beginning of a gRPC answer, if they are not. */
export function refusalOf(headers: IncomingHttpHeaders): GrpcError | undefined {
  const status = Number(headers[":status"]);
  const type = headers["content-type"];
  const isGrpc = type !== undefined && /^application\/grpc(?:$|[+;])/i.test(type);
  if (status === 200 && isGrpc) return undefined;
  // Something on the way may change the HTTP status of an answer that is one.
  if (isGrpc && headers["grpc-status"] !== undefined) return undefined;
  return new GrpcError(
    statusOfHttp[status] ?? GrpcStatus.UNKNOWN,
    status === 200
      ? `the answer is not gRPC but ${type === undefined ? "of no content-type" : type}`
      : `the answer has HTTP status ${status}`,
  );
}

/** By code (RFC 9113, section 7). */
const http2Codes: readonly string[] = [
  "NO_ERROR",
  "PROTOCOL_ERROR",
  "INTERNAL_ERROR",
  "FLOW_CONTROL_ERROR",
  "SETTINGS_TIMEOUT",
  "STREAM_CLOSED",
  "FRAME_SIZE_ERROR",
  "REFUSED_STREAM",
  "CANCEL",
  "COMPRESSION_ERROR",
  "CONNECT_ERROR",
  "ENHANCE_YOUR_CALM",
  "INADEQUATE_SECURITY",
  "HTTP_1_1_REQUIRED",
];

/** The name of an HTTP/2 error code, such as `REFUSED_STREAM`. */
export function nameOfHttp2Code(code: number): string {
  return http2Codes[code] ?? `error ${code}`;
}
