export { registerEtcdResolver } from "./register-resolver.ts";
export type { EtcdResolverOptions } from "./resolver-options.ts";
