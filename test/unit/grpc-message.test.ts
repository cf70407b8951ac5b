import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeGrpcMessage } from "../../src/store/etcd3/grpc-message.ts";

test("what was encoded comes back", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      expect(decodeGrpcMessage(encodeURIComponent(text))).toBe(text);
    }),
  );
});

test("no bytes make it throw", () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(typeof decodeGrpcMessage(Buffer.from(bytes).toString("latin1"))).toBe("string");
    }),
  );
});
