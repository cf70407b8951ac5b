import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Encoder, Method } from "./channel.ts";
import { GrpcError, GrpcStatus } from "./grpc-error.ts";

/** Before each message: one byte that says whether it is compressed, and its length (grpc/grpc, doc/PROTOCOL-HTTP2.md). */
const prefixLength = 5;
const emptyPrefix = new Uint8Array(prefixLength);

/** The longest message that is taken, in bytes. A listing is far below it; a broken length is above. */
export const maximumMessageLength: number = 64 * 2 ** 20;

/** A message as it goes over the wire, prefix and all. */
export function encodeFrame<I>(encoder: Encoder<I>, message: I): Buffer {
  const writer = new BinaryWriter().raw(emptyPrefix);
  encoder.encode(message, writer);
  const bytes = writer.finish();
  const frame = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  frame.writeUInt32BE(bytes.length - prefixLength, 1);
  return frame;
}

/** Reads a message. Its byte fields are views of `bytes`, and so keep all of it in memory. */
export function decodeMessage<O>(
  { path, answer }: Pick<Method<never, O>, "path" | "answer">,
  bytes: Uint8Array,
): O {
  let message: O;
  try {
    const reader = new BinaryReader(bytes);
    message = answer.decode(reader);
    // The generated code ends at what it cannot make sense of.
    if (reader.pos !== reader.len) throw new Error(`it makes no sense from byte ${reader.pos} on`);
  } catch (cause) {
    throw new GrpcError(GrpcStatus.INTERNAL, `the answer is none that ${path} gives`, { cause });
  }
  return message;
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
