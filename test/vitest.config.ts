import { defineConfig } from "vitest/config";

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../node_modules/.vite",
  test: {
    include: ["**/*.test.ts"],
    // A tier of its own, with a configuration of its own.
    exclude: ["hosts/**"],
    // Real processes, ports and file systems: what is slow is waited for, not guessed.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 3,
  },
});
