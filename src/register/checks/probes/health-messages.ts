// The two messages of grpc-proto's grpc/health/v1/health.proto, by hand: with a library for it, what
// everybody loads would be cut in more pieces for the sake of those who need this.

/** What goes before a value: the number of its field, 1 in both messages, and how it is written. */
const field1 = { asNumber: 0x08, asBytes: 0x0a };

/** How a value is written (protobuf.dev, "Encoding"). */
const wireTypes = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 };

/** A HealthCheckRequest. */
export function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  // An empty string is left out.
  if (name.length === 0) return name;
  const length: number[] = [];
  let rest = name.length;
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80);
  return Buffer.concat([Buffer.from([field1.asBytes, ...length, rest]), name]);
}

/** The status in a HealthCheckResponse: 0 if it has none, undefined if these bytes are no message. */
export function decodeResponse(bytes: Buffer): number | undefined {
  let at = 0;
  let status: number | undefined = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at] ?? 0;
      at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    return NaN;
  };
  while (at < bytes.length) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType === wireTypes.varint) {
      const value = varint();
      if (tag === field1.asNumber) status = value;
    } else if (wireType === wireTypes.bytes) {
      const length = varint();
      at += length;
    } else if (wireType === wireTypes.fixed32) at += 4;
    else if (wireType === wireTypes.fixed64) at += 8;
    else return undefined;
  }
  return at === bytes.length && !Number.isNaN(status) ? status : undefined;
}
