import { expect, test } from "vitest";
import { renderLaunchd } from "../../scripts/launchd/render.ts";
import { jobsOf } from "../../scripts/schedule/jobs.ts";
import { renderCron } from "../../scripts/schedule/crontab.ts";
import { renderSystemd } from "../../scripts/systemd/render.ts";
import { subjectOf } from "../schedule/subject.ts";

const BACKUPS = { database: { sqlite: "app.db" }, backups: { schedule: "10 3 * * *", keep: 3 } };

test("the scheduled backup is a job of every target, and says that it is scheduled", () => {
  const subject = subjectOf({ ...BACKUPS, supervisor: "systemd" });
  const textOf = (files: { place: string; content: string }[], place: string) =>
    files.find((file) => file.place === place)?.content ??
    `no ${place} in ${files.map((file) => file.place).join(" ")}`;
  expect(jobsOf(subject.manifest, subject.paths).map(({ name, cron }) => `${name} ${cron}`)).toEqual([
    "backup 10 3 * * *",
  ]);
  const units = renderSystemd(subject);
  expect(textOf(units, "systemd/shop-backup.timer")).toContain("OnCalendar=*-*-* 03:10:00\n");
  const command = "/srv/shop/ops/data/backup.ts --manifest /srv/shop/deploy.yaml --scheduled\n";
  expect(textOf(units, "systemd/shop-backup.service")).toContain(`ExecStart=${command}`);
  const plist = textOf(renderLaunchd(subjectOf({ ...BACKUPS, supervisor: "launchd" })), "launchd/shop.backup.plist");
  expect(plist).toMatch(
    /backup\.ts<\/string>\s*<string>--manifest<\/string>\s*<string>\/srv\/shop\/deploy\.yaml<\/string>\s*<string>--scheduled/,
  );
  expect(plist).toMatch(
    /<key>Hour<\/key>\s*<integer>3<\/integer>\s*<key>Minute<\/key>\s*<integer>10|<key>Minute<\/key>\s*<integer>10<\/integer>\s*<key>Hour<\/key>\s*<integer>3/,
  );
  expect(textOf(renderCron(subjectOf(BACKUPS)), "cron/crontab")).toMatch(
    /^10 3 \* \* \* .*data\/backup\.ts .*--scheduled/m,
  );
});

test("without backups there is none", () => {
  const subject = subjectOf({ database: { sqlite: "app.db" } });
  expect(jobsOf(subject.manifest, subject.paths)).toEqual([]);
});
