import * as z from "zod";
import type { Manifest, Site, SmokeRequest } from "../../manifest.schema.ts";
import { type Neutral, plain } from "./neutral.ts";
import { imagesOf } from "../podman/image.ts";
import { typed } from "./typed.ts";
import { scheduledNames } from "../schedule/jobs.ts";
import { renderTemplate } from "../render/template.ts";

const text = z.string();
const input = z.strictObject({
  app: text,
  manifest: text,
  say: z.strictObject({
    deploy: text,
    doctor: text,
    backups: text,
    list: text,
    switch: text,
    status: text,
    rollback: text,
    prove: text,
  }),
  where: text,
  images: z.array(text),
  files: text,
  secrets: text.nullable(),
  pull: z.boolean(),
  source: text,
  linked: z.array(z.strictObject({ place: text, mode: text.nullable() })),
  required: z.array(z.strictObject({ service: text, names: text, verb: text })),
  build: z.array(z.strictObject({ name: text, commands: text })),
  sets: z.array(z.strictObject({ name: text, key: text, needs: text.nullable() })),
  drain: text.nullable(),
  jobs: text.nullable(),
  migrate: text.nullable(),
  hasDatabase: z.boolean(),
  hasSchedule: z.boolean(),
  crosses: z.boolean(),
  gates: z.array(text),
  sites: z.array(text),
  smoke: z.array(text),
});

/** `ops/CHECKLIST.md`: what to look at with every update, in the order of a deployment (seed 003, section 11). */
export function renderChecklist(neutral: Neutral): string {
  const { context, manifestName, hosts } = neutral;
  const { manifest, paths } = context;
  const say = (line: string) => typed(neutral, line);
  const linked = [...manifest.linked_files, ...manifest.linked_dirs].filter(({ optional }) => !optional);
  return renderTemplate("suite/CHECKLIST.md", input, {
    app: manifest.app,
    manifest: manifestName,
    say: {
      deploy: say(manifest.release_id === "tag" ? "release/deploy v2.0.0" : "release/deploy"),
      doctor: say("host/doctor"),
      backups: say("data/backup --list"),
      list: say("release/list"),
      switch: say("release/switch_current <id>"),
      status: say("release/status"),
      rollback: say("release/rollback"),
      prove: say("data/restore --prove"),
    },
    where: hosts.length > 0 ? `on ${hosts.length > 1 ? "each host" : hosts[0]?.name}: ` : "",
    images: imagesOf(manifest).map(({ name }) => `\`podman build\` makes ${name}, with the release's id as its tag`),
    files:
      manifest.source.via === "git" ? "the release is what is committed" : "the release is the files as they lie here",
    secrets: hosts.length > 0 && hasSecrets(manifest) ? say("host/secrets --check") : null,
    pull: manifest.source.pull === "ff-only",
    source: plain(manifest.source.repo),
    linked: linked.map(({ shared, mode }) => ({
      place: plain(`${paths.shared}/${shared}`),
      mode: mode === undefined ? null : `0${mode.toString(8)}`,
    })),
    required: requiredOf(manifest),
    build: Object.entries(manifest.build).map(([name, { run, dir, build_on: on }]) => ({
      name,
      commands: `${codes(run)}${dir === "." ? "" : ` in \`${dir}\``}${hosts.length > 0 ? `, ${placeOf(on ?? manifest.build_on)}` : ""}`,
    })),
    sets: Object.entries(manifest.dependencies).flatMap(([name, { use, key, needs }]) =>
      use === undefined ? [{ name, key: codes(key), needs: needs.length > 0 ? codes(needs) : null }] : [],
    ),
    drain: manifest.drain?.run.join("; ") ?? null,
    jobs: scheduledNames(manifest).join(", ") || null,
    migrate: manifest.migrate?.run.join("; ") ?? null,
    hasDatabase: manifest.database !== undefined,
    hasSchedule: manifest.backups !== undefined,
    crosses: manifest.migrate !== undefined && manifest.database !== undefined,
    gates: gatesOf(manifest),
    sites: Object.entries(manifest.sites).map(([name, site]) => siteLine(name, site)),
    smoke: manifest.smoke.map(smokeLine),
  });
}

const hasSecrets = ({ linked_files }: Manifest) => linked_files.some(({ value_from: from }) => from !== undefined);

const placeOf = (on: "local" | "host") => (on === "local" ? "here" : "on the host");

const codes = (lines: string[]) =>
  lines
    .flatMap((line) => line.split("\n"))
    .map((line) => `\`${line}\``)
    .join(", ");

const requiredOf = ({ services }: Manifest) =>
  Object.entries(services).flatMap(([service, { env_required: names }]) =>
    names.length === 0
      ? []
      : [{ service, names: names.map((name) => `\`${name}\``).join(", "), verb: names.length > 1 ? "are" : "is" }],
  );

function gatesOf({ health, services }: Manifest): string[] {
  if (health) return [gateLine(health, undefined)];
  return Object.entries(services).flatMap(([name, service]) =>
    service.health ? [`${name}: ${gateLine(service.health, service.port)}`] : [],
  );
}

function gateLine({ path, url, tcp, run }: NonNullable<Manifest["health"]>, port: number | undefined): string {
  if (run) return `${codes(run)} exits 0`;
  if (tcp) return `\`${tcp}\` takes connections`;
  return `\`curl -fsS ${url ?? `http://127.0.0.1:${port}${path}`}\` answers`;
}

const smokeLine = (request: SmokeRequest) => {
  const body = "body" in request ? ` with \`${request.body}\`` : "";
  return `\`${request.method} ${request.url}\`${body} answers ${[request.expect.status ?? "2xx"].flat().join(" or ")}`;
};

const CHECKS: Record<Site["kind"], string> = {
  nginx: "`nginx -t` passes and nginx was reloaded",
  caddy: "`caddy validate` passes and caddy was reloaded",
  traefik: "traefik has taken the new file without an error in its log",
};

const siteLine = (name: string, { kind, no_store, server_name }: Site) =>
  `site ${name}${server_name.length > 0 ? ` (${server_name.join(", ")})` : ""}: ${CHECKS[kind]}${no_store.length > 0 ? `; ${codes(no_store)} come with \`Cache-Control: no-store\`` : ""}`;
