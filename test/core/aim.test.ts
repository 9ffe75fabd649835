import { expect, test } from "vitest";
import { aim } from "../../scripts/core/aim.ts";

const context = { opsPath: "/suite/ops", flags: ["--manifest", "/srv/my app/deploy.yaml", "--env", "prod"] };
const flags = "--manifest '/srv/my app/deploy.yaml' --env prod";

test.each([
  ["/suite/ops/release/list.ts", `/suite/ops/release/list.ts ${flags}`],
  ["/suite/ops/release/prune.ts --keep 2", `/suite/ops/release/prune.ts ${flags} --keep 2`],
  [`/suite/ops/data/backup.ts ${flags} --list`, `/suite/ops/data/backup.ts ${flags} --list`],
  ["df -h /suite/ops/release", "df -h /suite/ops/release"],
  ["ops/host/init.ts", "ops/host/init.ts"],
  ["", ""],
])("what is to be typed names its manifest and its environment: %j", (line, aimed) => {
  expect(aim(line, context)).toBe(aimed);
});
