import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Latencies are measured in these: each has the machine to itself. */
const ALONE = ["held-socket.test.ts", "switch.test.ts"];

/** A minute and more each: they begin first, so that none is left to run alone. */
const LONG = ["fleet.test.ts", "ansible.test.ts", "upload.test.ts", "systemd.test.ts", "migration.test.ts"];

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification) => LONG.some((name) => moduleId.endsWith(`/${name}`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

const options = { testTimeout: 240_000, hookTimeout: 90_000 };

export default defineConfig({
  root: import.meta.dirname,
  cacheDir: "../../node_modules/.vite",
  test: {
    sequence: { sequencer: LongFirst },
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
