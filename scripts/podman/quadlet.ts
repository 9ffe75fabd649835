import fs from "node:fs";
import type { Manifest } from "../../manifest.schema.ts";

/** Where systemd looks for what makes a user's units (systemd.generator(7)). */
const GENERATORS = ["/run", "/etc", "/usr/local/lib", "/usr/lib", "/lib"].map(
  (root) => `${root}/systemd/user-generators`,
);

/** Whether this host's podman makes units from `.container` files: from podman 4.4 on. */
export const hasQuadlet = (folders: readonly string[] = GENERATORS): boolean =>
  folders.some((folder) => fs.existsSync(`${folder}/podman-user-generator`));

export const hasContainers = ({ services }: Pick<Manifest, "services">): boolean =>
  Object.values(services).some(({ container }) => container !== undefined);
