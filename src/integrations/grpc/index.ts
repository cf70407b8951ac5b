export { registerEtcdResolver } from "./register-resolver.ts";
export { registerServer } from "./register-server.ts";
export type { RegisteredServer } from "./registered-server.ts";
export type { EtcdResolverOptions } from "./resolver-options.ts";
export type { LeaveOptions, RegisterServerOptions } from "./server-options.ts";
