import fs from "node:fs";
import path from "node:path";
import { stringify } from "yaml";
import { deployPlays, rollbackPlays } from "../ansible/plays.ts";
import { checkedPlatforms, packSuite } from "../ansible/suite-archive.ts";
import { groupOf, inventoryOf, variablesOf } from "../ansible/variables.ts";
import type { Context } from "../core/context.ts";
import { writeDurably } from "../core/durable.ts";
import { UsageError } from "../core/errors.ts";
import { ManifestError } from "../manifest/load.ts";
import type { RenderedFile } from "../render/file.ts";
import { templatesPath } from "../render/template.ts";

/** `ops/host/export_ansible.ts --out DIR`: an inventory, a role and playbooks for the hosts of an environment. */
export async function exportAnsible(context: Context, { out, platform = [] }: { out?: string; platform?: string[] }) {
  const { loaded } = context;
  if (!out)
    throw new UsageError("the export is written into a folder", { next: "ops/host/export_ansible.ts --out DIR" });
  if (loaded.hosts.length === 0) throw new UsageError("this environment has no hosts", { next: hostly(context) });
  refuseLocalSteps(context);
  const folder = path.resolve(out);
  const packed = checkedPlatforms(platform).map((one) => packSuite(one, folder));
  const files = [...generated(context, packed[0]?.version ?? ""), ...copied()];
  for (const { place, content } of files) {
    fs.mkdirSync(path.dirname(path.join(folder, place)), { recursive: true });
    writeDurably(path.join(folder, place), content, 0o644);
  }
  const places = [...files, ...packed].map(({ place }) => place);
  return { value: { out: folder, files: places }, text: places.map((place) => path.join(out, place)).join("\n") };
}

function hostly({ manifest }: Context): string[] {
  const names = Object.entries(manifest.environments).flatMap(([name, { hosts = [] }]) =>
    hosts.length > 0 ? [name] : [],
  );
  return names.map((name) => `ops/host/export_ansible.ts --env ${name} --out DIR`);
}

/** What is built here is built by whoever packs the archive then. */
function refuseLocalSteps({ loaded }: Context): void {
  const { build, build_on: where } = loaded.manifest;
  const local = Object.entries(build).filter(([, step]) => (step.build_on ?? where) === "local");
  const problems = local.map(([name]) =>
    loaded.problemAt(
      ["build", name],
      "key",
      `build.${name} runs here (build_on: local), and Ansible has each host build`,
    ),
  );
  if (problems.length > 0) throw new ManifestError(loaded.file, loaded.text, problems);
}

/** The files that the manifest decides. */
function generated({ loaded }: Context, version: string): RenderedFile[] {
  const yaml = (place: string, value: unknown): RenderedFile => ({
    place,
    content: `---\n${stringify(value, { lineWidth: 120, aliasDuplicateObjects: false })}`,
  });
  return [
    yaml("inventory.yml", inventoryOf(loaded)),
    yaml(`group_vars/${groupOf(loaded)}.yml`, variablesOf(loaded, version)),
    yaml("deploy.yml", deployPlays(loaded)),
    yaml("rollback.yml", rollbackPlays(loaded)),
    { place: "files/manifest", content: loaded.text },
  ];
}

/** The role, which is the same for every manifest. */
function copied(): RenderedFile[] {
  const folder = path.join(templatesPath, "ansible");
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .map((place) => ({ place, content: fs.readFileSync(path.join(folder, place), "utf8") }));
}
