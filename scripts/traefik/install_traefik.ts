import { installOperation } from "../site/install.ts";
import { traefikProxy } from "../site/traefik-host.ts";

/** `ops/traefik/install_traefik.ts`: makes the files that Traefik watches what the manifest says. */
export const installTraefik = installOperation(traefikProxy);
