export type { ServiceClientOptions, ServiceTlsOptions } from "./options.ts";
export type { ServiceRequestInit } from "./request-init.ts";
export { type DispatcherOptions, ServiceClient } from "./service-client.ts";
