import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeMessage, encodeFrame, FrameReader } from "../../src/store/etcd3/frames.ts";
import { KeyValueSchema } from "../../src/store/etcd3/gen/etcd_pb.js";
import { GrpcError } from "../../src/store/etcd3/grpc-error.ts";

test("however the bytes are cut, the messages come out whole and in order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 30 }), { maxLength: 40 }),
      (values, cuts) => {
        const bytes = Buffer.concat(values.map((value) => encodeFrame(KeyValueSchema, { value })));
        const read: Uint8Array[] = [];
        const reader = new FrameReader((message) => {
          read.push(decodeMessage(KeyValueSchema, message).value);
        });
        let start = 0;
        for (const length of [...cuts, bytes.length]) {
          reader.push(bytes.subarray(start, start + length));
          start = Math.min(bytes.length, start + length);
        }
        expect(read.map((value) => [...value])).toEqual(values.map((value) => [...value]));
        expect(reader.inMessage).toBe(false);
      },
    ),
  );
});

test("a message that has begun and not ended is known", () => {
  const bytes = encodeFrame(KeyValueSchema, { value: Buffer.from("value") });
  for (let length = 1; length < bytes.length; length += 1) {
    const reader = new FrameReader(() => {
      throw new Error("there is no whole message");
    });
    reader.push(bytes.subarray(0, length));
    expect(reader.inMessage).toBe(true);
  }
});

test("a frame is the prefix and the message", () => {
  const message = create(KeyValueSchema, { key: Buffer.from("k"), modRevision: 2n ** 62n });
  const bytes = toBinary(KeyValueSchema, message);
  expect([...encodeFrame(KeyValueSchema, message)]).toEqual([0, 0, 0, 0, bytes.length, ...bytes]);
});

test("what is no message is a failure that names it", () => {
  expect(() => decodeMessage(KeyValueSchema, Buffer.from([0x0a, 0xff]))).toThrow(GrpcError);
  expect(() => decodeMessage(KeyValueSchema, Buffer.from([0x0a, 0xff]))).toThrow("KeyValue");
});
