/** What a line of a password file has to be about. */
export interface PassQuery {
  /** A Unix socket is looked for as `localhost` by its default folder, else by its own. */
  host: string;
  port: number;
  database: string;
  user: string;
}

/**
 * The first line `host:port:database:user:password` of libpq's password file that fits: `*` is any, `\:` and `\\` are
 * escapes (PostgreSQL manual, 34.16). Undefined: none does.
 */
export function findPassword(text: string, { host, port, database, user }: PassQuery): string | undefined {
  const wanted = [host, String(port), database, user];
  for (const line of text.split(/\r?\n/)) {
    if (line === "" || line.startsWith("#")) continue;
    const fields = fieldsOf(line);
    const password = fields[4]?.text;
    const fits = wanted.every((value, index) => fields[index]?.raw === "*" || fields[index]?.text === value);
    if (fits && password !== undefined) return password || undefined;
  }
  return undefined;
}

interface Field {
  raw: string;
  text: string;
}

/** The password, too, ends at a bare colon, as libpq has it. */
function fieldsOf(line: string): Field[] {
  const raws = line.replaceAll(/\\.|:/g, (found) => (found === ":" ? "\0" : found)).split("\0");
  return raws.map((raw) => ({ raw, text: raw.replaceAll(/\\(.)/g, "$1") }));
}
