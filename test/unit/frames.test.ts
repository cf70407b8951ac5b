import { WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeMessage, encodeFrame, FrameReader } from "../../src/store/etcd3/frames.ts";
import { PutRequest } from "../../src/store/etcd3/gen/etcd.ts";
import { GrpcError } from "../../src/store/etcd3/grpc-error.ts";

const key = Buffer.from("k");

/** A method that answers with what it might have been asked. */
const puts = { path: "/test.Puts/Put", answer: PutRequest };

test("however the bytes are cut, the messages come out whole and in order", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }),
      fc.array(fc.nat({ max: 30 }), { maxLength: 40 }),
      (values, cuts) => {
        const bytes = Buffer.concat(values.map((value) => encodeFrame(PutRequest, { key, value })));
        const read: Uint8Array[] = [];
        const reader = new FrameReader((message) => {
          read.push(decodeMessage(puts, message).value ?? Buffer.from("none"));
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
  const bytes = encodeFrame(PutRequest, { key, value: Buffer.from("value") });
  for (let length = 1; length < bytes.length; length += 1) {
    const reader = new FrameReader(() => {
      throw new Error("there is no whole message");
    });
    reader.push(bytes.subarray(0, length));
    expect(reader.inMessage).toBe(true);
  }
});

test("a frame is the prefix and the message", () => {
  const message = { key, lease: 2n ** 62n };
  const bytes = PutRequest.encode(message).finish();
  expect([...encodeFrame(PutRequest, message)]).toEqual([0, 0, 0, 0, bytes.length, ...bytes]);
});

test.each([
  ["ends within a field", [0x0a, 0xff]],
  ["has a field without a number", [0x0a, 0x01, 0x6b, 0x00, 0x00]],
  ["ends a group that did not begin", [0x0a, 0x01, 0x6b, 0x0c, 0x00]],
])("what %s is a failure that names the method", (_, bytes) => {
  expect(() => decodeMessage(puts, Buffer.from(bytes))).toThrow(GrpcError);
  expect(() => decodeMessage(puts, Buffer.from(bytes))).toThrow("/test.Puts/Put");
});

test("a field that is not known is passed over", () => {
  const bytes = PutRequest.encode({ key }).tag(99, WireType.LengthDelimited).bytes(key).finish();
  expect(decodeMessage(puts, bytes)).toEqual(
    PutRequest.decode(PutRequest.encode({ key }).finish()),
  );
});

test("byte fields are views of what was read, not copies", () => {
  const bytes = encodeFrame(PutRequest, { key });
  const read = decodeMessage(puts, bytes.subarray(5));
  expect(Buffer.from(read.key).toString()).toBe("k");
  expect(read.key.buffer).toBe(bytes.buffer);
});
