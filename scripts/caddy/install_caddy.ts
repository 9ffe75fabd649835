import { caddyProxy } from "../site/caddy-host.ts";
import { installOperation } from "../site/install.ts";

/** `ops/caddy/install_caddy.ts`: makes Caddy's sites what the manifest says. */
export const installCaddy = installOperation(caddyProxy);
