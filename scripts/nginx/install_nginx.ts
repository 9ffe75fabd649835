import { installOperation } from "../site/install.ts";
import { nginxProxy } from "../site/nginx-host.ts";

/** `ops/nginx/install_nginx.ts`: makes nginx's sites what the manifest says. */
export const installNginx = installOperation(nginxProxy);
