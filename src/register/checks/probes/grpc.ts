import { connect, type ClientHttp2Session, type IncomingHttpHeaders } from "node:http2";
import type { GrpcCheck } from "../health-check.ts";
import type { ProbeTarget } from "../probe-target.ts";
import { exchange } from "./exchange.ts";
import { decodeResponse, encodeRequest } from "./health-messages.ts";
import { tlsOptions } from "./tls-options.ts";

/** grpc/grpc-proto, grpc/health/v1/health.proto. */
const path = "/grpc.health.v1.Health/Check";
const serving = 1;
const servingStatuses = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];

/** The statuses that say something of their own (grpc/grpc, doc/health-checking.md). */
const meanings: Readonly<Record<string, string>> = {
  5: "it does not know that service",
  12: "it does not serve grpc.health.v1",
};

/** One byte that says whether a message is compressed, and its length (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
const prefixLength = 5;

/** An answer is a few bytes long. */
const mostBytes = 4_096;

/** Whether the health service of a gRPC server says that it serves. */
export function askGrpc(
  { service = "", tls }: GrpcCheck,
  target: ProbeTarget,
  signal: AbortSignal,
): Promise<void> {
  const scheme = target.secure ? "https" : "http";
  const about = service === "" ? "" : ` about ${JSON.stringify(service)}`;
  const subject = `the gRPC server at ${target.address}, asked${about},`;
  return exchange(signal, ({ succeed, fail }) => {
    const failed = (cause: Error) => fail(new Error(`${subject} gave no answer`, { cause }));
    const session = connect(`${scheme}://${target.address}`, tlsOptions(tls, target));
    session.unref();
    session.on("error", failed);
    ask(session, { scheme, target, service }, (problem) => {
      if (problem === undefined) succeed();
      else if (typeof problem === "string") fail(new Error(`${subject} says: ${problem}`));
      else failed(problem);
    });
    return () => session.destroy();
  });
}

function ask(
  session: ClientHttp2Session,
  { scheme, target, service }: { scheme: string; target: ProbeTarget; service: string },
  answered: (problem: string | Error | undefined) => void,
): void {
  const stream = session.request({
    ":method": "POST",
    ":scheme": scheme,
    ":authority": target.address,
    ":path": path,
    te: "trailers",
    "content-type": "application/grpc",
    "user-agent": "etcd-discovery",
  });
  let answer = Buffer.alloc(0);
  // A status that comes at once is in the headers, else in the trailers.
  const end: IncomingHttpHeaders = {};
  // What befalls the connection is told by the session, and the stream's own words for it say less.
  stream.on("error", (error: Error) => void setImmediate(() => answered(error)));
  stream.on("close", () => void setImmediate(() => answered(new Error("the call was cut off"))));
  for (const event of ["response", "trailers"]) {
    stream.on(event, (headers: IncomingHttpHeaders) => Object.assign(end, headers));
  }
  stream.on("data", (piece: Buffer) => {
    answer = Buffer.concat([answer, piece]);
    if (answer.length > mostBytes) answered("what is no answer to that");
  });
  stream.on("end", () => {
    // The trailers are told in the same turn, but not always first.
    setImmediate(() => answered(problemOf(end, answer)));
  });
  stream.end(requestFor(service));
}

function requestFor(service: string): Buffer {
  const message = encodeRequest(service);
  const prefix = Buffer.alloc(prefixLength);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** Why the host is not well, if it is not. */
function problemOf(end: IncomingHttpHeaders, answer: Buffer): string | undefined {
  const httpStatus = Number(end[":status"]);
  if (httpStatus !== 200) return `HTTP status ${httpStatus}, which is no answer of gRPC`;
  const status = end["grpc-status"];
  if (status !== "0") {
    if (typeof status !== "string") return "what is no answer of gRPC";
    return `grpc-status ${status}, ${meanings[status] ?? "which is a failure"}`;
  }
  const state = servingStatus(answer);
  if (state === serving) return undefined;
  return state === undefined ? "what is no answer to that" : (servingStatuses[state] ?? `${state}`);
}

function servingStatus(frame: Buffer): number | undefined {
  const isWhole =
    frame.length >= prefixLength &&
    frame[0] === 0 &&
    frame.readUInt32BE(1) === frame.length - prefixLength;
  return isWhole ? decodeResponse(frame.subarray(prefixLength)) : undefined;
}
