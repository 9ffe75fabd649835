import { defineConfig } from "vitest/config";

/** Latencies are measured in these: each has the machine to itself. */
const ALONE = ["held-socket.test.ts", "switch.test.ts"];

const options = { testTimeout: 120_000, hookTimeout: 90_000 };

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite",
  test: {
    projects: [
      { test: { ...options, name: "alone", include: ALONE, fileParallelism: false, sequence: { groupOrder: 0 } } },
      // Most of their time is waiting for services, gates and connections.
      {
        test: {
          ...options,
          name: "together",
          include: ["**/*.test.ts"],
          exclude: ALONE,
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
