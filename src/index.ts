export {
  defaultDiscovery,
  get,
  getForShard,
  live,
  register,
  subscribe,
  subscribeDown,
  subscribeNew,
} from "./default.ts";
export { Discovery, type RegisterOptions } from "./discovery.ts";
export type { AuthOptions, DiscoveryOptions, PemSource, TlsOptions } from "./discovery-options.ts";
export type {
  DiagnosticsChannels,
  DiagnosticsEvent,
  DriftEvent,
  EjectionEvent,
  LeaseEvent,
  MalformedRecord,
  RegistrationEvent,
  ResyncEvent,
  RpcEvent,
} from "./diagnostics.ts";
export { DiscoveryError, type DiscoveryErrorCode, isDiscoveryError } from "./errors.ts";
export type { Freshness } from "./find/freshness.ts";
export type { ResyncReason } from "./find/find-report.ts";
export type { DownReason, HostEvent } from "./find/host-event.ts";
export type { HostPromise } from "./find/host-promise.ts";
export type { LivePoolEvents } from "./find/live/announcements.ts";
export { consistentHash, type ConsistentHashOptions } from "./find/live/consistent-hash.ts";
export type { EjectionOptions } from "./find/live/ejections.ts";
export type { HostFilter } from "./find/live/host-filter.ts";
export type { HostUse } from "./find/live/host-use.ts";
export { leastBusy } from "./find/live/least-busy.ts";
export type { LiveOptions, Preference, Subset } from "./find/live/live-options.ts";
export type { LivePool } from "./find/live/live-pool.ts";
export type { Outcome } from "./find/live/outcome.ts";
export type { PickOptions, UseOptions } from "./find/live/pick-options.ts";
export { random } from "./find/live/random.ts";
export { roundRobin } from "./find/live/round-robin.ts";
export type { Candidate, Picker, Strategy } from "./find/live/strategy.ts";
export type { SuspectOptions } from "./find/live/suspects.ts";
export { weighted } from "./find/live/weighted.ts";
export type { PoolFigures } from "./find/live/pool-totals.ts";
export type { LookupOptions } from "./find/lookup.ts";
export type { FollowOptions, SubscribeOptions } from "./find/mirrors.ts";
export type { Query, GetOptions } from "./find/query.ts";
export type { ServicesOptions } from "./find/services.ts";
export type { Subscription } from "./find/subscription.ts";
export type { ServiceView } from "./find/view-inbox.ts";
export type {
  EtcdHealth,
  Health,
  HealthError,
  HealthTotals,
  LeaseHealth,
  RegistrationHealth,
  ServiceHealth,
} from "./health.ts";
export type { Logger } from "./logger.ts";
export { Host } from "./model/host.ts";
export type { HostChanges, HostOptions } from "./model/host-options.ts";
export { Service } from "./model/service.ts";
export type {
  CheckContext,
  CheckFunction,
  CheckTarget,
  CheckTiming,
  CheckTls,
  FunctionCheck,
  GrpcCheck,
  HealthCheck,
  HttpCheck,
  TcpCheck,
} from "./register/checks/health-check.ts";
export type { Credentials } from "./register/credentials.ts";
export type { DrainOptions, Registration } from "./register/registration.ts";
export type { RegistrationEvents, RegistrationState } from "./register/registration-state.ts";
export type { RpcCode } from "./store/etcd/rpc-report.ts";
export type { Store } from "./store/store.ts";
export type { WaitOptions } from "./arguments.ts";
