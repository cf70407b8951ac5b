// @ts-check

/** @param {Buffer} message */
const asItIs = (message) => message;

/** The one method of the service that is measured: it answers with what it is sent. */
export const echo = {
  path: "/bench.Echo/Echo",
  requestStream: false,
  responseStream: false,
  requestSerialize: asItIs,
  requestDeserialize: asItIs,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
};
