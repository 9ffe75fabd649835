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
  ["ops/release/list.ts", `/suite/ops/release/list.ts ${flags}`],
  ["ops/release/build_release.ts HEAD --id v1-2", `/suite/ops/release/build_release.ts ${flags} HEAD --id v1-2`],
  ["/other/ops/release/list.ts", "/other/ops/release/list.ts"],
  ["git -C /srv/ops/release/list.ts log", "git -C /srv/ops/release/list.ts log"],
  ["", ""],
])("what is to be typed names its manifest and its environment: %j", (line, aimed) => {
  expect(aim(line, context)).toBe(aimed);
});

test.each([
  ["/srv/it's $x/ops/release/list.ts", ""],
  ["'/srv/it'\\''s $x/ops/release/list.ts' --limit 3", " --limit 3"],
])("a suite in a folder whose name a shell would take apart: %j", (line, rest) => {
  expect(aim(line, { ...context, opsPath: "/srv/it's $x/ops" })).toBe(
    `'/srv/it'\\''s $x/ops/release/list.ts' ${flags}${rest}`,
  );
});
