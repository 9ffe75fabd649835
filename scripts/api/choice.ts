import path from "node:path";
import type { Manifest } from "../../manifest.schema.ts";
import { UsageError } from "../core/errors.ts";
import type { Paths } from "../core/paths.ts";
import type { ServeChoice } from "./serve.ts";

/** The words of `serve` as they were typed. */
export interface ServeWords {
  host?: string | undefined;
  port?: string | undefined;
  tokenFile?: string | undefined;
  allowHost?: string[] | undefined;
  allHosts?: boolean | undefined;
}

/** What was typed, else what the manifest says, else loopback and port 8787. @throws UsageError for what is no port. */
export function serveChoice(paths: Paths, words: ServeWords, said: Manifest["registry"]["serve"]): ServeChoice {
  return {
    host: words.host ?? said?.host ?? "127.0.0.1",
    port: words.port === undefined ? (said?.port ?? 8787) : checkedPort(words.port),
    tokenFile: words.tokenFile ?? (said?.token_file && path.resolve(paths.shared, said.token_file)),
    allowedHosts: [...(said?.allowed_hosts ?? []), ...(words.allowHost ?? [])],
    isForAllHosts: words.allHosts ?? said?.all_hosts ?? false,
  };
}

// 0: any that is free.
function checkedPort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`--port: ${JSON.stringify(text)} is no port`);
}
