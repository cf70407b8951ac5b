/**
 * Decodes the text of a `grpc-message` header: UTF-8, percent-encoded (grpc/grpc,
 * doc/PROTOCOL-HTTP2.md). It never throws: a `%` that begins no code stays as it is, bytes that
 * were not encoded count as themselves, and what is no UTF-8 becomes U+FFFD.
 *
 * @param value as Node.js gives a header: one character a byte
 */
export function decodeGrpcMessage(value: string): string {
  if (!/[%\u0080-\u00ff]/.test(value)) return value;
  const bytes = value.replaceAll(/%([\dA-Fa-f]{2})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
