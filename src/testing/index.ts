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
  type StoreContractTest,
  type StoreUnderTest,
  storeContract,
} from "./store-contract.ts";
