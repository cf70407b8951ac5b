export { type ManualClock, manualClock } from "./manual-clock.ts";
export {
  type MemoryStore,
  type MemoryStoreClient,
  type MemoryStoreOptions,
  memoryStore,
} from "./memory-store.ts";
