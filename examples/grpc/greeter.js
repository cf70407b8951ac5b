// @ts-check
// What a generator of code makes of a .proto file, by hand and with JSON inside.
import { makeGenericClientConstructor } from "@grpc/grpc-js";

/** @typedef {{ name: string }} Question */
/** @typedef {{ text: string }} Answer */

/** @param {unknown} value */
const write = (value) => Buffer.from(JSON.stringify(value));
/** @param {Buffer} bytes */
const read = (bytes) => JSON.parse(bytes.toString());

export const GreeterService = {
  hello: {
    path: "/Greeter/Hello",
    requestStream: false,
    responseStream: false,
    requestSerialize: write,
    requestDeserialize: read,
    responseSerialize: write,
    responseDeserialize: read,
  },
};

/**
 * @typedef {import("@grpc/grpc-js").Client & {
 *   hello(
 *     question: Question,
 *     options: import("@grpc/grpc-js").CallOptions,
 *     done: import("@grpc/grpc-js").requestCallback<Answer>,
 *   ): import("@grpc/grpc-js").ClientUnaryCall;
 * }} Greeter
 */
/** @type {unknown} */
const constructor = makeGenericClientConstructor(GreeterService, "Greeter");
export const GreeterClient =
  /** @type {new (...given: ConstructorParameters<typeof import("@grpc/grpc-js").Client>) => Greeter} */ (
    constructor
  );
