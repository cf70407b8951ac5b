import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // What takes long is run by `npm run test:faults`.
    exclude: ["test/**/*.slow.test.ts"],
    globalSetup: ["test/support/global-setup.ts"],
    // Real processes: tests look at signals, exit codes and what keeps a process alive.
    pool: "forks",
    // To load the sources anew for each file takes longer than most tests: what a test changes in its
    // process it changes back, and hooks are for the file, or the test, that sets them.
    isolate: false,
    // Tests wait more than they work.
    maxWorkers: 5,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    teardownTimeout: 20_000,
    retry: 0,
    allowOnly: false,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/store/etcd3/gen/**"],
      reporter: ["text", "html"],
    },
  },
});

export default config;
