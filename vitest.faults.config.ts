import { defineConfig, mergeConfig, type ViteUserConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** Every fault test, and all others that take long, too. */
const config: ViteUserConfig = mergeConfig(
  base,
  // They promise times, of clusters that have the same two processors to run on.
  defineConfig({ test: { testTimeout: 300_000, hookTimeout: 120_000, maxWorkers: 4 } }),
);
config.test = {
  ...config.test,
  include: ["test/fault/**/*.test.ts", "test/**/*.slow.test.ts"],
  exclude: [],
};

export default config;
