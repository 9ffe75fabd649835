import path from "node:path";
import { Scalar } from "yaml";
import { quote } from "../core/step.ts";
import { expandHome } from "../manifest/home.ts";
import type { LoadedManifest } from "../manifest/loaded.ts";
import type { LinkedFile } from "../manifest/schema/linked.ts";
import { renderWithTrailer } from "../manifest/trailer.ts";

/** The group of an environment's hosts: Ansible takes no dash in a group's name. */
export const groupOf = ({ manifest, environment }: LoadedManifest) =>
  `${manifest.app}_${environment}`.replaceAll("-", "_");

/** `inventory.yml`: the hosts as the manifest has them; what ssh's own configuration knows is left to it. */
export const inventoryOf = (loaded: LoadedManifest) => ({
  [groupOf(loaded)]: {
    hosts: Object.fromEntries(
      loaded.hosts.map(({ destination, port }) => {
        const at = destination.lastIndexOf("@");
        const machine = destination.slice(at + 1).replaceAll(/[[\]]/g, "");
        const account = at < 0 ? {} : { ansible_user: destination.slice(0, at) };
        return [machine, { ...account, ...(port === undefined ? {} : { ansible_port: port }) }];
      }),
    ),
  },
});

/** `group_vars/<group>.yml`: what the role has to know. */
export function variablesOf(loaded: LoadedManifest, version: string) {
  const { manifest, environment = "" } = loaded;
  const tree = manifest.deploy_to.replace(/^~(?=\/|$)/, "{{ ansible_facts['user_dir'] }}");
  return {
    switchback_app: manifest.app,
    switchback_environment: environment,
    switchback_deploy_to: tree,
    switchback_version: version,
    switchback_repo: plain(manifest.source.repo),
    switchback_ref: plain(manifest.source.ref),
    switchback_exclude: manifest.source.exclude.map(plain),
    switchback_linked_files: manifest.linked_files.flatMap((file) => secretOf(loaded, file)),
    switchback_trailer: trailerOf(tree, environment),
  };
}

/** The last line of a host's copy: Ansible puts its own names in. */
function trailerOf(tree: string, environment: string): string {
  const [place, host] = ["/tree", "host"];
  const line = renderWithTrailer("", { originPath: place, deployTo: place, environment, host }).trim();
  const encoded = tree.replace(/ }}$/, " | urlencode }}").replaceAll(/ (?![^{]*}})/g, "%20");
  return line.replaceAll(place, encoded).replace(`host=${host}`, "host={{ inventory_hostname }}");
}

/** Where a linked file's content is looked up, on the machine that Ansible runs on: a lookup plugin and its word. */
function secretOf({ basePath }: LoadedManifest, { shared, mode = 0o600, value_from: from }: LinkedFile) {
  if (!from) return [];
  const { file, env, run = "" } = from;
  const [plugin, word] =
    file !== undefined
      ? ["file", path.resolve(basePath, expandHome(file, process.env))]
      : env !== undefined
        ? ["env", env]
        : ["pipe", `cd ${quote(basePath)} && bash -euo pipefail -c ${quote(run)}`];
  return [{ path: shared, mode: `0${mode.toString(8)}`, from: plugin, word: plain(word) }];
}

/** Text that Ansible takes as it is, whatever braces it holds. */
function plain(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.tag = "!unsafe";
  return scalar;
}
