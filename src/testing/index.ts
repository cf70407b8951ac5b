export type { CancelTimer, Clock } from "../async/clock.ts";
export type {
  CallOptions,
  Change,
  Condition,
  HostName,
  Listing,
  ReadOptions,
  RecordName,
  Selection,
  Session,
  StoreCapabilities,
  StoredRecord,
  StoreStatus,
  Watch,
  WatchBatch,
  WatchChange,
  WatchEnd,
  WatchObserver,
  WatchTarget,
  Write,
  WriteResult,
} from "../store/store.ts";
export { type EtcdBinary, findEtcd, type FindEtcdOptions } from "./etcd-binary.ts";
export type { EtcdAuth, EtcdRole, EtcdUser } from "./etcd-auth.ts";
export type { EtcdBackup } from "./etcd-backup.ts";
export type { EtcdCluster, EtcdMember } from "./etcd-cluster.ts";
export type { EtcdJson } from "./etcd-gateway.ts";
export type { EtcdTls, StartEtcdOptions } from "./etcd-options.ts";
export { type ManualClock, manualClock } from "./manual-clock.ts";
export {
  type MemoryStore,
  type MemoryStoreClient,
  type MemoryStoreOptions,
  memoryStore,
} from "./memory-store.ts";
export {
  type SecondClient,
  type StoreContractOptions,
  type StoreContractNeed,
  type StoreContractTest,
  type StoreUnderTest,
  storeContract,
} from "./store-contract.ts";
export { startEtcd } from "./start-etcd.ts";
export { startProxy, type TcpProxy } from "./tcp-proxy.ts";
