import { getEventListeners } from "node:events";
import { constants } from "node:http2";
import { createServer } from "node:net";
import { WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import type { Channel } from "../../src/store/etcd3/channel.ts";
import {
  KeyValue,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  PutResponse,
  RangeRequest,
  RangeResponse,
  type WatchResponse,
} from "../../src/store/etcd3/gen/etcd.ts";
import { GrpcError, GrpcStatus } from "../../src/store/etcd3/grpc-error.ts";
import { Http2Channel } from "../../src/store/etcd3/http2-channel.ts";
import * as methods from "../../src/store/etcd3/methods.ts";
import { eventually } from "../support/eventually.ts";
import { GrpcJsChannel } from "../support/grpc-js-channel.ts";
import {
  frame,
  type ScriptedCall,
  ScriptedGrpcServer,
  type Script,
} from "../support/scripted-grpc-server.ts";

const subjects = [
  { name: "Http2Channel", isOurs: true, make: (origin: string) => new Http2Channel({ origin }) },
  { name: "grpc-js", isOurs: false, make: (origin: string) => new GrpcJsChannel({ origin }) },
] as const;

/** What an answer decodes from in the scripted tests: `revision` 7. */
const putResponse = PutResponse.encode({
  header: { clusterId: 1n, revision: 7n, raftTerm: 2n },
}).finish();

const deadlineMs = 5_000;
const connectTimeoutMs = 5_000;

describe.each(subjects)("a channel: $name", ({ isOurs, make }) => {
  /** Where the two differ, both answers and the reason stand in the test. */
  function differs<T>(answers: { ours: T; grpcJs: T; because: string }): T {
    return isOurs ? answers.ours : answers.grpcJs;
  }

  function open(origin: string): Channel {
    const channel = make(origin);
    onTestFinished(() => channel.close());
    return channel;
  }

  async function scripted(
    script: Script,
  ): Promise<{ server: ScriptedGrpcServer; channel: Channel }> {
    const server = await ScriptedGrpcServer.start(script);
    onTestFinished(() => server.close());
    return { server, channel: open(server.origin) };
  }

  function put(channel: Channel, options: { signal?: AbortSignal; deadlineMs?: number } = {}) {
    return channel.unary(
      methods.put,
      { key: Buffer.from("key"), value: Buffer.from("value") },
      { deadlineMs, ...options },
    );
  }

  async function failureOf(call: Promise<unknown>): Promise<GrpcError> {
    const error = await call.then(
      () => new Error("the call succeeded"),
      (reason: unknown) => reason,
    );
    if (!(error instanceof GrpcError)) throw error;
    return error;
  }

  /** A keepalive stream, and all that it told. */
  function keepAlive(
    channel: Channel,
    options = { connectTimeoutMs },
    method = methods.leaseKeepAlive,
  ) {
    const messages: LeaseKeepAliveResponse[] = [];
    const ends: GrpcError[] = [];
    const duplex = channel.duplex(method, options, {
      message: (message) => messages.push(message),
      ended: (error) => ends.push(error),
    });
    return { duplex, messages, ends };
  }

  const alive = (id: number) =>
    LeaseKeepAliveResponse.encode({ ID: BigInt(id), TTL: 10n }).finish();

  const idOf = (message: Uint8Array | undefined) =>
    message && LeaseKeepAliveRequest.decode(message).ID;

  describe("with etcd", () => {
    const prefix = `/channel-test/${isOurs ? "ours" : "grpc-js"}-${process.pid}/`;
    const key = (name: string) => Buffer.from(prefix + name);

    test("puts and gets", async () => {
      const channel = open(inject("etcd"));
      const { header } = await channel.unary(
        methods.put,
        { key: key("a"), value: Buffer.from("1") },
        { deadlineMs },
      );
      const { kvs, count } = await channel.unary(methods.range, { key: key("a") }, { deadlineMs });
      expect(count).toBe(1n);
      const record = KeyValue.decode(kvs[0] ?? Buffer.alloc(0));
      expect(Buffer.from(record.value).toString()).toBe("1");
      expect(record.modRevision).toBe(header?.revision);
    });

    test("answers many calls at once, each with its own", async () => {
      const channel = open(inject("etcd"));
      const names = Array.from({ length: 200 }, (_, index) => `many-${index}`);
      await Promise.all(
        names.map((name) =>
          channel.unary(
            methods.put,
            { key: key(name), value: Buffer.from(name) },
            { deadlineMs: 20_000 },
          ),
        ),
      );
      const values = await Promise.all(
        names.map(async (name) => {
          const { kvs } = await channel.unary(methods.range, { key: key(name) }, { deadlineMs });
          return Buffer.from(KeyValue.decode(kvs[0] ?? Buffer.alloc(0)).value).toString();
        }),
      );
      expect(values).toEqual(names);
    });

    test("takes a listing of 5 MB", async () => {
      const channel = open(inject("etcd"));
      const value = Buffer.alloc(1_000_000, "x");
      for (let index = 0; index < 5; index += 1) {
        await channel.unary(
          methods.put,
          { key: key(`big/${index}`), value },
          { deadlineMs: 20_000 },
        );
      }
      const range = { key: key("big/"), rangeEnd: key("big0") };
      const { kvs } = await channel.unary(methods.range, range, { deadlineMs: 20_000 });
      expect(kvs.map((kv) => KeyValue.decode(kv).value.length)).toEqual(
        Array.from({ length: 5 }, () => value.length),
      );
      const success = [{ requestDeleteRange: range }];
      await channel.unary(methods.txn, { compare: [], success, failure: [] }, { deadlineMs });
    });

    test("tells etcd's own status and words", async () => {
      const channel = open(inject("etcd"));
      const error = await failureOf(
        channel.unary(methods.leaseRevoke, { ID: 4711n }, { deadlineMs }),
      );
      expect(error.status).toBe(GrpcStatus.NOT_FOUND);
      expect(error.message).toBe("etcdserver: requested lease not found");
      expect(error.neverSent).toBe(false);
    });

    test("a stream carries messages both ways until it is cancelled", async () => {
      const channel = open(inject("etcd"));
      const messages: WatchResponse[] = [];
      const ends: GrpcError[] = [];
      const watch = channel.duplex(
        methods.watch,
        { connectTimeoutMs },
        { message: (message) => messages.push(message), ended: (error) => ends.push(error) },
      );
      watch.send({
        createRequest: { key: key("w"), watchId: 5n },
      });
      await eventually(() => messages[0]?.created ?? false);
      await channel.unary(methods.put, { key: key("w"), value: Buffer.from("2") }, { deadlineMs });
      const event = await eventually(() => messages[1]?.events[0] ?? false);
      expect(Buffer.from(event.kv?.value ?? []).toString()).toBe("2");
      watch.cancel();
      watch.cancel();
      watch.send({});
      await channel.unary(methods.put, { key: key("w"), value: Buffer.from("3") }, { deadlineMs });
      expect(messages).toHaveLength(2);
      expect(ends).toEqual([]);
    });
  });

  describe("what is sent", () => {
    test("path, protocol, deadline and metadata are in the headers, and one message", async () => {
      const messages: (Buffer | undefined)[] = [];
      const { server, channel } = await scripted(async (call) => {
        messages.push(await call.next(), await call.next());
        await call.answer(putResponse);
      });
      const request = { key: Buffer.from("k"), limit: 3n };
      await channel.unary(methods.range, request, {
        deadlineMs,
        metadata: { hasleader: "true", token: "abc.1" },
      });
      const [call] = server.calls as [ScriptedCall];
      expect(call.headers).toMatchObject({
        ":method": "POST",
        ":path": "/etcdserverpb.KV/Range",
        ":authority": new URL(server.origin).host,
        ":scheme": "http",
        te: "trailers",
        "content-type": "application/grpc",
        hasleader: "true",
        token: "abc.1",
      });
      const timeout = /^(\d+)m$/.exec(String(call.headers["grpc-timeout"]))?.[1];
      expect(Number(timeout)).toBeGreaterThan(deadlineMs / 2);
      expect(Number(timeout)).toBeLessThanOrEqual(deadlineMs);
      expect(RangeRequest.decode(messages[0] ?? Buffer.alloc(0)).limit).toBe(3n);
      expect(messages[1]).toBeUndefined();
    });

    test("messages to a peer that does not read yet are kept, in order", async () => {
      const count = 300;
      let read: (() => void) | undefined;
      const reading = new Promise<void>((resolve) => {
        read = resolve;
      });
      const received: (bigint | undefined)[] = [];
      const { server, channel } = await scripted(async (call) => {
        call.respond();
        await reading;
        while (received.length < count) received.push(idOf(await call.next()));
      });
      // Each with 1 KB that the server does not know, so that all exceed the stream's window of 64 KB.
      const padded: typeof methods.leaseKeepAlive = {
        ...methods.leaseKeepAlive,
        request: {
          encode: (message, writer) =>
            LeaseKeepAliveRequest.encode(message, writer)
              .tag(99, WireType.LengthDelimited)
              .bytes(Buffer.alloc(1024)),
        },
      };
      const { duplex, ends } = keepAlive(channel, { connectTimeoutMs }, padded);
      for (let id = 1; id <= count; id += 1) duplex.send({ ID: BigInt(id) });
      await eventually(() => (server.calls[0]?.stream.readableLength ?? 0) > 0);
      expect(received).toEqual([]);
      read?.();
      await eventually(() => received.length === count);
      expect(received).toEqual(Array.from({ length: count }, (_, index) => BigInt(index + 1)));
      expect(ends).toEqual([]);
      duplex.cancel();
    });
  });

  describe("how an answer is cut", () => {
    const answers = {
      "byte by byte": (message: Buffer) => [...message].map((byte) => Buffer.from([byte])),
      "within the prefix": (message: Buffer) => [message.subarray(0, 3), message.subarray(3)],
      "after the prefix": (message: Buffer) => [message.subarray(0, 5), message.subarray(5)],
      "with empty pieces": (message: Buffer) => [Buffer.alloc(0), message, Buffer.alloc(0)],
    };

    test.each(Object.entries(answers))("a message split %s", async (_, cut) => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        for (const piece of cut(frame(putResponse))) await call.send(piece);
        call.finish();
      });
      expect((await put(channel)).header?.revision).toBe(7n);
    });

    test("several messages in one piece, the last one cut", async () => {
      const { channel } = await scripted(async (call) => {
        const bytes = Buffer.concat([1, 2, 3, 4].map((id) => frame(alive(id))));
        call.respond();
        await call.send(bytes.subarray(0, -2));
        await call.next();
        await call.send(bytes.subarray(-2));
      });
      const { duplex, messages } = keepAlive(channel);
      await eventually(() => messages.length === 3);
      duplex.send({ ID: 1n });
      await eventually(() => messages.length === 4);
      expect(messages.map((message) => message.ID)).toEqual([1n, 2n, 3n, 4n]);
    });

    test("an empty message is one", async () => {
      const { channel } = await scripted((call) => call.answer(Buffer.alloc(0)));
      expect((await put(channel)).header).toBeUndefined();
    });

    test("a message of 20 MB", async () => {
      const value = Buffer.alloc(20_000_000, "v");
      const message = RangeResponse.encode({ kvs: [value], more: false, count: 1n }).finish();
      const { channel } = await scripted((call) => call.answer(message));
      const answer = await channel.unary(
        methods.range,
        { key: Buffer.from("key") },
        { deadlineMs: 20_000 },
      );
      expect(Buffer.compare(answer.kvs[0] ?? Buffer.alloc(0), value)).toBe(0);
    });

    test("a message above 64 MB is refused before it comes", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]));
      });
      expect((await failureOf(put(channel))).status).toBe(GrpcStatus.RESOURCE_EXHAUSTED);
    });

    test("a compressed message, which was not asked for, is refused", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(putResponse, 1));
        call.finish();
      });
      expect((await failureOf(put(channel))).status).toBe(GrpcStatus.INTERNAL);
    });

    test("no message where one is due is a failure", async () => {
      const { channel } = await scripted((call) => {
        call.respond();
        call.finish();
      });
      expect((await failureOf(put(channel))).status).toBe(
        differs({
          ours: GrpcStatus.INTERNAL,
          grpcJs: GrpcStatus.UNIMPLEMENTED,
          because: "of an older reading of the protocol",
        }),
      );
    });

    test("two messages where one is due is a failure", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(Buffer.concat([frame(putResponse), frame(putResponse)]));
        call.finish();
      });
      const error = await failureOf(put(channel, { deadlineMs: 1_000 }));
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.INTERNAL,
          grpcJs: GrpcStatus.DEADLINE_EXCEEDED,
          because: "it waits for ever",
        }),
      );
    });

    test("a message that is cut off by an OK is a failure", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(putResponse).subarray(0, -1));
        call.finish();
      });
      expect((await failureOf(put(channel))).status).toBe(
        differs({
          ours: GrpcStatus.INTERNAL,
          grpcJs: GrpcStatus.UNIMPLEMENTED,
          because: "it sees no message at all",
        }),
      );
    });

    test("a message and a half is a failure", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(Buffer.concat([frame(putResponse), frame(putResponse).subarray(0, -1)]));
        call.finish();
      });
      const outcome = put(channel).then(
        () => GrpcStatus.OK,
        (error: GrpcError) => error.status,
      );
      expect(await outcome).toBe(
        differs<number>({
          ours: GrpcStatus.INTERNAL,
          grpcJs: GrpcStatus.OK,
          because: "it does not look at what is left over",
        }),
      );
    });

    test("a message that cannot be decoded is a failure", async () => {
      const { channel } = await scripted((call) => call.answer(Buffer.from([0x0a, 0xff])));
      expect((await failureOf(put(channel))).status).toBe(GrpcStatus.INTERNAL);
    });
  });

  describe("how an answer ends", () => {
    test("with a status in the headers alone", async () => {
      const { channel } = await scripted((call) => {
        call.refuse({ "grpc-status": "7", "grpc-message": "no, you%20may not" });
      });
      const error = await failureOf(put(channel));
      expect(error.status).toBe(GrpcStatus.PERMISSION_DENIED);
      expect(error.message).toBe("no, you may not");
    });

    test("with a failure in the trailers, after a message", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(putResponse));
        call.finish({ "grpc-status": "8", "grpc-message": "full" });
      });
      const error = await failureOf(put(channel));
      expect([error.status, error.message]).toEqual([GrpcStatus.RESOURCE_EXHAUSTED, "full"]);
    });

    test("as late, if that is what an old server of Go means by an unknown failure", async () => {
      const { channel } = await scripted((call) => {
        call.refuse({ "grpc-status": "2", "grpc-message": "context deadline exceeded" });
      });
      const error = await failureOf(put(channel));
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.DEADLINE_EXCEEDED,
          grpcJs: GrpcStatus.UNKNOWN,
          because: "it knows nothing of etcd 3.4, which says so of calls that may well be repeated",
        }),
      );
    });

    test.each(["17", "-1", "", "ok", "1e0"])("with the unknown status %j", async (status) => {
      const { channel } = await scripted((call) => {
        call.refuse({ "grpc-status": status });
      });
      const error = await failureOf(put(channel));
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.UNKNOWN,
          grpcJs: { "17": 17, "-1": -1, "1e0": 1, ok: Number.NaN, "": GrpcStatus.UNIMPLEMENTED }[
            status
          ],
          because:
            "it hands on whatever number it reads, and an empty text is 0: OK without a message",
        }),
      );
    });

    test("without a status", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond({}, { trailers: false });
        await call.send(frame(putResponse));
        call.stream.end();
      });
      expect((await failureOf(put(channel))).status).toBe(
        differs({
          ours: GrpcStatus.UNAVAILABLE,
          grpcJs: GrpcStatus.INTERNAL,
          because: "Node.js does not tell this from a reset, which neither of the two asked for",
        }),
      );
    });

    test("with trailers that have no status", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(putResponse));
        call.finish({ "x-other": "1" });
      });
      expect((await failureOf(put(channel))).status).toBe(GrpcStatus.UNKNOWN);
    });

    test("a stream that the server ends in order has ended, all the same", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(alive(1)));
        call.finish();
      });
      const { messages, ends } = keepAlive(channel);
      const error = await eventually(() => ends[0] ?? false);
      expect(messages).toHaveLength(1);
      expect(error.status).toBe(GrpcStatus.UNAVAILABLE);
    });

    test("a stream that the server refuses tells why", async () => {
      const { channel } = await scripted((call) => {
        call.refuse({ "grpc-status": "16", "grpc-message": "who are you" });
      });
      const { ends } = keepAlive(channel);
      const error = await eventually(() => ends[0] ?? false);
      expect([error.status, error.message]).toEqual([GrpcStatus.UNAUTHENTICATED, "who are you"]);
    });

    const messages: [string, string, string][] = [
      ["plain", "etcdserver: no leader", "etcdserver: no leader"],
      ["encoded UTF-8", "%E4%BD%A0 %F0%9F%98%80", "你 😀"],
      ["a lone percent", "100% sure", "100% sure"],
      ["half a code at the end", "x%4", "x%4"],
      [
        "a code that is none",
        "%zz%41",
        differs({ ours: "%zzA", grpcJs: "%zz%41", because: "it takes all or nothing" }),
      ],
      [
        "codes that are no UTF-8",
        "a%FFb",
        differs({ ours: "a\uFFFDb", grpcJs: "a%FFb", because: "it takes all or nothing" }),
      ],
      [
        "bytes that should have been encoded",
        "caf\u00c3\u00a9",
        differs({
          ours: "café",
          grpcJs: "",
          because: "it drops what is not ASCII",
        }),
      ],
    ];
    test.each(messages)("a grpc-message that is %s", async (_, sent, read) => {
      const { channel } = await scripted((call) => {
        call.refuse({ "grpc-status": "9", "grpc-message": sent });
      });
      const error = await failureOf(put(channel));
      expect([error.status, error.message]).toEqual([GrpcStatus.FAILED_PRECONDITION, read]);
    });

    const httpStatuses: [number, number][] = [
      [400, GrpcStatus.INTERNAL],
      [401, GrpcStatus.UNAUTHENTICATED],
      [403, GrpcStatus.PERMISSION_DENIED],
      [404, GrpcStatus.UNIMPLEMENTED],
      [429, GrpcStatus.UNAVAILABLE],
      [500, GrpcStatus.UNKNOWN],
      [502, GrpcStatus.UNAVAILABLE],
      [503, GrpcStatus.UNAVAILABLE],
      [504, GrpcStatus.UNAVAILABLE],
    ];
    test.each(httpStatuses)("with HTTP status %i", async (httpStatus, status) => {
      const { channel } = await scripted(async (call) => {
        call.respond({ ":status": httpStatus, "content-type": "text/html" }, { trailers: false });
        await call.send(Buffer.from("<html>"));
        call.stream.end();
      });
      expect((await failureOf(put(channel))).status).toBe(status);
      const { ends } = keepAlive(channel);
      expect((await eventually(() => ends[0] ?? false)).status).toBe(status);
    });

    test("with something that is not gRPC", async () => {
      const { channel } = await scripted(async (call) => {
        call.respond({ "content-type": "text/html" }, { trailers: false });
        await call.send(Buffer.from("<html>"));
        call.stream.end();
      });
      const error = await failureOf(put(channel));
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.UNKNOWN,
          grpcJs: GrpcStatus.RESOURCE_EXHAUSTED,
          because:
            "it does not look at the content-type, and reads the text as the length of a message",
        }),
      );
      if (isOurs) expect(error.message).toContain("text/html");
    });
  });

  describe("resets and lost connections", () => {
    const codes = [
      "NO_ERROR",
      "PROTOCOL_ERROR",
      "INTERNAL_ERROR",
      "FLOW_CONTROL_ERROR",
      "REFUSED_STREAM",
      "CANCEL",
      "ENHANCE_YOUR_CALM",
      "INADEQUATE_SECURITY",
    ] as const;
    const grpcJsStatus: Partial<Record<(typeof codes)[number], number>> = {
      REFUSED_STREAM: GrpcStatus.UNAVAILABLE,
      CANCEL: GrpcStatus.CANCELLED,
      ENHANCE_YOUR_CALM: GrpcStatus.RESOURCE_EXHAUSTED,
      INADEQUATE_SECURITY: GrpcStatus.PERMISSION_DENIED,
    };
    const because = "it translates each code; to us all mean that this endpoint does not serve us";

    test.each(codes)("a call that is reset with %s", async (name) => {
      const { channel } = await scripted(async (call) => {
        await call.next();
        call.stream.close(constants[`NGHTTP2_${name}`]);
      });
      const error = await failureOf(put(channel));
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.UNAVAILABLE,
          grpcJs: grpcJsStatus[name] ?? GrpcStatus.INTERNAL,
          because,
        }),
      );
      expect(error.neverSent).toBe(
        differs({ ours: name === "REFUSED_STREAM", grpcJs: false, because: "it does not tell" }),
      );
    });

    test.each(codes.slice(1))("a stream that is reset with %s after a message", async (name) => {
      const { channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(alive(1)));
        await call.next();
        call.stream.close(constants[`NGHTTP2_${name}`]);
      });
      const { duplex, messages, ends } = keepAlive(channel);
      await eventually(() => messages.length === 1);
      duplex.send({ ID: 1n });
      const error = await eventually(() => ends[0] ?? false);
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.UNAVAILABLE,
          grpcJs: grpcJsStatus[name] ?? GrpcStatus.INTERNAL,
          because,
        }),
      );
      duplex.send({ ID: 2n });
      duplex.cancel();
      expect(ends).toHaveLength(1);
    });

    test("a connection that breaks ends what is under way, and the next call makes another", async () => {
      const { server, channel } = await scripted(async (call) => {
        if (server.sessions.length > 1) await call.answer(putResponse);
        else if (call.headers[":path"]?.endsWith("Put")) server.sessions[0]?.destroy();
        else call.respond();
      });
      const { ends } = keepAlive(channel);
      await eventually(() => server.calls.length === 1);
      const error = await failureOf(put(channel));
      expect(error.status).toBe(GrpcStatus.UNAVAILABLE);
      expect(error.neverSent).toBe(false);
      expect(
        differs<number[]>({
          ours: [GrpcStatus.UNAVAILABLE],
          grpcJs: [GrpcStatus.UNAVAILABLE, GrpcStatus.INTERNAL],
          because: "on Node.js 20 the stream looks to it as if ended in order without a status",
        }),
      ).toContain((await eventually(() => ends[0] ?? false)).status);
      expect((await put(channel)).header?.revision).toBe(7n);
      expect(server.sessions).toHaveLength(2);
    });

    test("nothing listens at the address", async () => {
      const server = await ScriptedGrpcServer.start(() => {});
      await server.close();
      const channel = open(server.origin);
      const error = await failureOf(put(channel, { deadlineMs: 1_000 }));
      expect(error.status).toBe(GrpcStatus.UNAVAILABLE);
      expect(error.message).toContain(new URL(server.origin).host);
      expect(error.message).toContain("ECONNREFUSED");
      expect(error.neverSent).toBe(
        differs({ ours: true, grpcJs: false, because: "it does not tell" }),
      );
      const { ends } = keepAlive(channel, { connectTimeoutMs: 500 });
      expect(ends).toEqual([]);
      expect((await eventually(() => ends[0] ?? false)).status).toBe(GrpcStatus.UNAVAILABLE);
    });

    test("disconnect() ends what is under way, and the next call makes another connection", async () => {
      const { server, channel } = await scripted(async (call) => {
        if (server.sessions.length > 1) await call.answer(putResponse);
      });
      const { ends } = keepAlive(channel);
      const call = failureOf(put(channel));
      await eventually(() => server.calls.length === 2);
      const reason = new Error("for a reason");
      channel.disconnect(reason);
      const error = await call;
      expect(error.status).toBe(GrpcStatus.UNAVAILABLE);
      expect(error.message).toContain("for a reason");
      expect(error.cause).toBe(reason);
      expect((await eventually(() => ends[0] ?? false)).cause).toBe(reason);
      expect((await put(channel)).header?.revision).toBe(7n);
      expect(ends).toHaveLength(1);
    });

    test("close() ends what is under way, and every later use fails", async () => {
      const { server, channel } = await scripted(() => {});
      const { duplex, ends } = keepAlive(channel);
      const call = failureOf(put(channel));
      await eventually(() => server.calls.length === 2);
      await channel.close();
      expect((await call).status).toBe(GrpcStatus.UNAVAILABLE);
      expect((await eventually(() => ends[0] ?? false)).status).toBe(GrpcStatus.UNAVAILABLE);
      duplex.send({ ID: 1n });
      expect((await failureOf(put(channel))).status).toBe(GrpcStatus.UNAVAILABLE);
      const late = keepAlive(channel);
      expect(late.ends).toEqual([]);
      expect((await eventually(() => late.ends[0] ?? false)).status).toBe(GrpcStatus.UNAVAILABLE);
      await channel.close();
      expect(server.sessions).toHaveLength(1);
    });
  });

  describe("a server that is about to leave (GOAWAY)", () => {
    test("finishes the calls under way; later ones take another connection", async () => {
      let answer: (() => void) | undefined;
      const { server, channel } = await scripted(async (call) => {
        if (server.calls.length === 1) {
          server.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR);
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
        }
        await call.answer(putResponse);
      });
      const first = put(channel);
      await eventually(() => answer ?? false);
      const [session] = server.sessions;
      // The answer to a ping comes after the GOAWAY was read.
      await new Promise<void>((resolve) => session?.ping(() => resolve()));
      expect((await put(channel)).header?.revision).toBe(7n);
      expect(server.sessions).toHaveLength(2);
      answer?.();
      expect((await first).header?.revision).toBe(7n);
      await eventually(() => session?.destroyed ?? false);
      expect((await put(channel)).header?.revision).toBe(7n);
      expect(server.sessions).toHaveLength(2);
    });

    test("streams are told at once, so that they can be moved", async () => {
      const { server, channel } = await scripted(async (call) => {
        call.respond();
        await call.send(frame(alive(1)));
      });
      const { messages, ends } = keepAlive(channel);
      await eventually(() => messages.length === 1);
      server.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR);
      if (isOurs) {
        expect((await eventually(() => ends[0] ?? false)).status).toBe(GrpcStatus.UNAVAILABLE);
        await eventually(() => server.sessions[0]?.destroyed ?? false);
        expect(server.calls[0]?.endedWith).toBe(constants.NGHTTP2_CANCEL);
      } else {
        // It keeps streams where they are until the server ends them, and does not tell of GOAWAY.
        await new Promise<void>((resolve) => server.sessions[0]?.ping(() => resolve()));
        expect(ends).toEqual([]);
      }
    });

    test("a call that it did not take any more was certainly not carried out", async () => {
      const { server, channel } = await scripted(async (call) => {
        if (server.calls.length === 1) return;
        const [first] = server.calls as [ScriptedCall];
        if (server.calls.length === 2) {
          server.sessions[0]?.goaway(constants.NGHTTP2_NO_ERROR, first.stream.id);
        } else {
          await call.answer(putResponse);
        }
      });
      const first = put(channel);
      await eventually(() => server.calls.length === 1);
      const error = await failureOf(put(channel));
      expect(error.status).toBe(GrpcStatus.UNAVAILABLE);
      expect(error.neverSent).toBe(
        differs({ ours: true, grpcJs: false, because: "it does not tell" }),
      );
      await server.calls[0]?.answer(putResponse);
      expect((await first).header?.revision).toBe(7n);
    });

    test("with an error, it ends what is under way", async () => {
      const { server, channel } = await scripted(async (call) => {
        await call.next();
        server.sessions[0]?.goaway(constants.NGHTTP2_INTERNAL_ERROR, call.stream.id);
      });
      const error = await failureOf(put(channel));
      expect(error.status).toBe(
        differs({
          ours: GrpcStatus.UNAVAILABLE,
          grpcJs: GrpcStatus.INTERNAL,
          because: "it tells the code of the GOAWAY",
        }),
      );
      expect(error.neverSent).toBe(false);
    });
  });

  describe("giving up", () => {
    test("a call whose time is up", async () => {
      const { server, channel } = await scripted(() => {});
      const error = await failureOf(put(channel, { deadlineMs: 200 }));
      expect(error.status).toBe(GrpcStatus.DEADLINE_EXCEEDED);
      expect(error.neverSent).toBe(false);
      await eventually(() => server.calls[0]?.endedWith === constants.NGHTTP2_CANCEL);
    });

    test("a call that is aborted rejects with the reason and is cancelled at the server", async () => {
      const { server, channel } = await scripted(() => {});
      const controller = new AbortController();
      const call = put(channel, { signal: controller.signal });
      await eventually(() => server.calls.length === 1);
      const reason = { own: "reason" };
      controller.abort(reason);
      await expect(call).rejects.toBe(reason);
      await eventually(() => server.calls[0]?.endedWith === constants.NGHTTP2_CANCEL);
      expect(getEventListeners(controller.signal, "abort")).toEqual([]);
    });

    test("a call that was aborted before it began is not sent", async () => {
      const { server, channel } = await scripted((call) => call.answer(putResponse));
      const reason = new Error("too late");
      await expect(put(channel, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
      await put(channel);
      expect(server.calls).toHaveLength(1);
    });

    test("no listener stays on a signal that outlives its calls", async () => {
      const { channel } = await scripted(async (call) => {
        if (call.headers[":path"]?.endsWith("Put")) await call.answer(putResponse);
        else call.refuse({ "grpc-status": "5" });
      });
      const { signal } = new AbortController();
      await put(channel, { signal });
      await failureOf(
        channel.unary(methods.range, { key: Buffer.from("k") }, { deadlineMs, signal }),
      );
      expect(getEventListeners(signal, "abort")).toEqual([]);
    });

    test("a server that accepts and never speaks", async () => {
      const server = createServer(() => {});
      const sockets: { destroy(): void }[] = [];
      server.on("connection", (socket) => sockets.push(socket));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      onTestFinished(() => {
        for (const socket of sockets) socket.destroy();
        server.close();
      });
      const address = server.address() as { port: number };
      const channel = open(`http://127.0.0.1:${address.port}`);

      const started = performance.now();
      const error = await failureOf(put(channel, { deadlineMs: 200 }));
      expect(error.status).toBe(GrpcStatus.DEADLINE_EXCEEDED);
      expect(error.neverSent).toBe(
        differs({ ours: true, grpcJs: false, because: "it does not tell" }),
      );

      const { ends } = keepAlive(channel, { connectTimeoutMs: 200 });
      expect((await eventually(() => ends[0] ?? false)).status).toBe(GrpcStatus.UNAVAILABLE);
      expect(performance.now() - started).toBeLessThan(4_000);

      const controller = new AbortController();
      const call = put(channel, { signal: controller.signal });
      controller.abort("enough");
      await expect(call).rejects.toBe("enough");
    });

    test("a stream that is cancelled before it is connected is never opened", async () => {
      const { server, channel } = await scripted((call) => call.answer(putResponse));
      const { duplex, ends } = keepAlive(channel);
      duplex.send({ ID: 1n });
      duplex.cancel();
      await put(channel);
      expect(server.calls.map((call) => call.headers[":path"])).toEqual(["/etcdserverpb.KV/Put"]);
      expect(ends).toEqual([]);
    });
  });
});
