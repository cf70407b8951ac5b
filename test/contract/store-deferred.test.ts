import { expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { DeferredStore } from "../../src/store/deferred-store.ts";
import { memoryStore, storeContract } from "../../src/testing/index.ts";

const capabilities = { atomicWrites: true, oneRoundTrip: true, reasons: false };

function deferred(): DeferredStore {
  return new DeferredStore(systemClock, capabilities, async () => {
    await new Promise((resolve) => void setImmediate(resolve));
    return memoryStore();
  });
}

// What a memory store of its own can be tested with; the rest is the driver's.
for (const { name, run } of storeContract({
  open: async () => ({ store: deferred() }),
  report: () => {},
})) {
  test(name, { concurrent: true }, run);
}

test("is loaded once, when it is first used, and not at all if it is closed before", async () => {
  let loads = 0;
  const load = async () => {
    loads += 1;
    return memoryStore();
  };
  const unused = new DeferredStore(systemClock, capabilities, load);
  expect(unused.status()).toMatchObject({ endpoint: undefined, revision: 0 });
  await unused.close();
  const options = { timeoutMs: 1_000, alive: false };
  await expect(unused.services(options)).rejects.toMatchObject({ code: "CLOSED" });
  expect(loads).toBe(0);
  const used = new DeferredStore(systemClock, capabilities, load);
  await Promise.all([used.services(options), used.services(options)]);
  expect(loads).toBe(1);
  await used.close();
});
