import * as z from "zod";
import { count, line } from "./values.ts";

const HOST = "a host as ssh knows it: [user@]name[:port]";

/** What a list of hosts has to be. */
export const HOSTS = "a host, or a list of them";

/** `[user@]name[:port]`; the name is ssh's: a host alias of its configuration, a DNS name or an address. */
export const hostName = line(HOST).regex(
  /^(?:[A-Za-z_0-9][A-Za-z0-9._-]*@)?(?:[A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.%A-Za-z]+\])(?::\d{1,5})?$/,
  { error: HOST },
);

const SERIAL = 'a number of hosts, or a part of them such as "50%"';

/** How many hosts at a time: a count, or a percentage of them, at least one. */
export const serial = z.union([count, z.string().regex(/^(?:[1-9]\d?|100)%$/, { error: SERIAL })], { error: SERIAL });
