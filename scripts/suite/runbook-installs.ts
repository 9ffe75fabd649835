import type { Context } from "../core/context.ts";
import { jobsOf } from "../schedule/jobs.ts";
import type { Section } from "./runbook-data.ts";

/** What stands outside of the tree, one section for each that the manifest asks for. */
export function installSections({ manifest, paths }: Context): Section[] {
  const { supervisor, sites, logs } = manifest;
  const kinds = [...new Set(Object.values(sites).map(({ kind }) => kind))];
  const hasJobs = jobsOf(manifest, paths).length > 0;
  const section = (title: string, words: string, commands: string[]): Section => ({
    title,
    text: words,
    commands,
    plans: [],
  });
  const manager =
    supervisor === "launchd"
      ? "launchd/install_launchd"
      : supervisor.startsWith("systemd") || supervisor === "podman"
        ? "systemd/install_systemd"
        : undefined;
  return [
    ...(manager
      ? [
          section(
            "When services, jobs or their settings changed",
            `A switch installs what changed by itself. This shows the difference and installs it; ${supervisor === "launchd" ? "what changed is loaded anew" : "what runs is not restarted"}.`,
            [`${manager} --dry-run`, manager],
          ),
        ]
      : []),
    ...(kinds.length > 0
      ? [
          section(
            "When a site changed",
            "Checks each site by the program itself, writes it, reloads; puts the old file back where that fails. The page, by hand, for work that takes longer:",
            [...kinds.map((kind) => `${kind}/install_${kind}`), "host/maintenance on", "host/maintenance off"],
          ),
        ]
      : []),
    ...(supervisor === "pidfile" && hasJobs
      ? [
          section("When a schedule changed", "Puts the jobs into the owner's crontab; other lines stay.", [
            "schedule/install_crontab",
          ]),
        ]
      : []),
    ...(supervisor === "systemd" && logs
      ? [section("When logs changed", "Lets logrotate rotate them.", ["logs/install_logrotate"])]
      : []),
  ];
}
