import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

/** Before each message: one byte that says whether it is compressed, and its length (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
const prefixLength = 5;

/** The longest message that is taken, in bytes. A listing is far below it; a broken length is above. */
export const maximumMessageLength: number = 64 * 2 ** 20;

/** A message as it goes over the wire, prefix and all. */
export function encodeFrame<I extends DescMessage>(
  schema: I,
  message: MessageInitShape<I>,
): Buffer {
  const body = toBinary(schema, create(schema, message));
  const frame = Buffer.allocUnsafe(prefixLength + body.length);
  frame[0] = 0;
  frame.writeUInt32BE(body.length, 1);
  frame.set(body, prefixLength);
  return frame;
}

/** Reads a message. Its byte fields are views of `bytes`, and so keep all of it in memory. */
export function decodeMessage<O extends DescMessage>(
  schema: O,
  bytes: Uint8Array,
): MessageShape<O> {
  try {
    return fromBinary(schema, bytes);
  } catch (cause) {
    throw new GrpcError(GrpcStatus.INTERNAL, `the answer is no ${schema.typeName}`, { cause });
  }
}

/** Cuts messages out of the pieces in which they happen to arrive. */
export class FrameReader {
  readonly #deliver: (message: Uint8Array) => void;
  #pieces: Buffer[] = [];
  #length = 0;
  /** How many bytes there must be before it is worth looking again. */
  #needed = prefixLength;

  constructor(deliver: (message: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  /** Whether a message has begun and not ended. */
  get inMessage(): boolean {
    return this.#length > 0;
  }

  /**
   * Delivers each message that `piece` completes; a message that came in one piece is not copied.
   *
   * @throws GrpcError `INTERNAL` for a compressed message, which was not asked for;
   *   `RESOURCE_EXHAUSTED` for one that is too long.
   */
  push(piece: Buffer): void {
    let bytes = piece;
    if (this.#length > 0) {
      this.#pieces.push(piece);
      this.#length += piece.length;
      if (this.#length < this.#needed) return;
      bytes = Buffer.concat(this.#pieces, this.#length);
      this.#pieces = [];
      this.#length = 0;
    }
    let start = 0;
    let needed = prefixLength;
    while (bytes.length - start >= prefixLength) {
      const end = start + prefixLength + messageLength(bytes, start);
      if (end > bytes.length) {
        needed = end - start;
        break;
      }
      this.#deliver(bytes.subarray(start + prefixLength, end));
      start = end;
    }
    if (start === bytes.length) return;
    this.#pieces.push(start === 0 ? bytes : bytes.subarray(start));
    this.#length = bytes.length - start;
    this.#needed = needed;
  }
}

function messageLength(bytes: Buffer, start: number): number {
  if (bytes[start] !== 0) {
    throw new GrpcError(GrpcStatus.INTERNAL, "the answer is compressed, which was not asked for");
  }
  const length = bytes.readUInt32BE(start + 1);
  if (length > maximumMessageLength) {
    throw new GrpcError(
      GrpcStatus.RESOURCE_EXHAUSTED,
      `the answer has a message of ${length} bytes; the limit is ${maximumMessageLength}`,
    );
  }
  return length;
}
