import { promisify } from "node:util";
import * as grpc from "@grpc/grpc-js";

const bytes = (text: string): Buffer => Buffer.from(text);
const text = (buffer: Buffer): string => buffer.toString();

/** A service that says who serves, and what it was told by `authorization`. */
const definition = {
  who: {
    path: "/test.Who/Who",
    ...{ requestStream: false, responseStream: false },
    ...{ requestSerialize: bytes, requestDeserialize: text },
    ...{ responseSerialize: bytes, responseDeserialize: text },
  },
  ticks: {
    path: "/test.Who/Ticks",
    ...{ requestStream: false, responseStream: true },
    ...{ requestSerialize: bytes, requestDeserialize: text },
    ...{ responseSerialize: bytes, responseDeserialize: text },
  },
} as const satisfies grpc.ServiceDefinition;

/** What a call to a server may be made to do. */
export type Behaviour = (
  call: grpc.ServerUnaryCall<string, string>,
) => Promise<string | Partial<grpc.StatusObject>> | string | Partial<grpc.StatusObject>;

export interface GrpcServer extends AsyncDisposable {
  readonly server: grpc.Server;
  readonly port: number;

  /** What it answers with. */
  readonly name: string;

  /** How many calls have come. */
  readonly calls: number;

  /** Whom they came from: each connection is another one. */
  readonly peers: ReadonlySet<string>;

  /** What it does from now on; at first it answers with its name. */
  behave(behaviour: Behaviour): void;

  /** Ends the streams that are open. */
  endStreams(): void;
}

/** A server that is not bound yet. */
export function grpcServer(
  name: string,
  options: grpc.ServerOptions = {},
): {
  readonly server: grpc.Server;
  readonly state: {
    calls: number;
    peers: Set<string>;
    behaviour: Behaviour;
    streams: Set<() => void>;
  };
} {
  const server = new grpc.Server(options);
  const state = {
    ...{ calls: 0, peers: new Set<string>(), streams: new Set<() => void>() },
    behaviour: (() => name) as Behaviour,
  };
  server.addService(definition, {
    who: (call: grpc.ServerUnaryCall<string, string>, answer: grpc.sendUnaryData<string>) => {
      state.calls += 1;
      state.peers.add(call.getPeer());
      void (async () => {
        const result = await state.behaviour(call);
        if (typeof result === "string") answer(null, result);
        else answer(result);
      })();
    },
    ticks: (call: grpc.ServerWritableStream<string, string>) => {
      call.write(name);
      const end = (): void => void call.end();
      state.streams.add(end);
      call.on("close", () => state.streams.delete(end));
    },
  });
  return { server, state };
}

/** Starts a server on 127.0.0.1. */
export async function startGrpcServer(
  name: string,
  {
    port = 0,
    credentials = grpc.ServerCredentials.createInsecure(),
    options,
  }: {
    readonly port?: number | undefined;
    readonly credentials?: grpc.ServerCredentials | undefined;
    readonly options?: grpc.ServerOptions | undefined;
  } = {},
): Promise<GrpcServer> {
  const { server, state } = grpcServer(name, options);
  const bound = await promisify(server.bindAsync.bind(server))(`127.0.0.1:${port}`, credentials);
  return {
    ...{ name, server, port: bound ?? 0, peers: state.peers },
    get calls() {
      return state.calls;
    },
    behave: (behaviour) => void (state.behaviour = behaviour),
    endStreams: () => {
      for (const end of [...state.streams]) end();
    },
    async [Symbol.asyncDispose]() {
      server.forceShutdown();
    },
  };
}

/** A client of that service. */
export interface WhoClient extends Disposable {
  readonly client: grpc.Client;

  /** Who answers. Rejects with gRPC's error. */
  who(options?: {
    readonly deadlineMs?: number;
    readonly metadata?: grpc.Metadata;
    readonly credentials?: grpc.CallCredentials;
  }): Promise<string>;
  ticks(): grpc.ClientReadableStream<string>;
}

/** @param target such as `etcd:///my-service` */
export function whoClient(
  target: string,
  options: grpc.ChannelOptions = {},
  channelCredentials: grpc.ChannelCredentials = grpc.credentials.createInsecure(),
): WhoClient {
  const client = new grpc.Client(target, channelCredentials, {
    "grpc.enable_http_proxy": 0,
    ...options,
  });
  const { who, ticks } = definition;
  return {
    client,
    who: ({ deadlineMs = 10_000, metadata = new grpc.Metadata(), credentials } = {}) =>
      new Promise((resolve, reject) => {
        client.makeUnaryRequest(
          who.path,
          bytes,
          text,
          "?",
          metadata,
          {
            deadline: Date.now() + deadlineMs,
            ...(credentials && { credentials }),
          },
          (error, answer) => {
            if (error !== null) reject(error);
            else resolve(answer ?? "");
          },
        );
      }),
    ticks: () => client.makeServerStreamRequest(ticks.path, bytes, text, "?"),
    [Symbol.dispose]() {
      client.close();
    },
  };
}

/** How often each answered. */
export async function tallyOf(client: WhoClient, calls: number): Promise<Record<string, number>> {
  const tally: Record<string, number> = {};
  for (let count = 0; count < calls; count += 1) {
    const name = await client.who();
    tally[name] = (tally[name] ?? 0) + 1;
  }
  return tally;
}

/** What a call fails with; if it does not, that is the failure. */
export async function failureOf(
  call: Promise<unknown>,
): Promise<{ readonly code: number; readonly details: string }> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    return error as grpc.ServiceError;
  }
  throw new Error(`the call did not fail, but was answered with ${String(answer)}`);
}
