/** One directive of an nginx configuration: its words, unquoted, and what is in its block. */
export interface Directive {
  words: string[];
  /** Where it stands, as nginx names the file. */
  file: string;
  block?: Directive[];
}

const TOKEN = /\s+|#[^\n]*|[{};]|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|(?:\\.|\$\{[^}]*\}|[^\s{};\\])+/gsy;

/** Reads a configuration as nginx splits it into words; what is not well formed ends the reading, for `nginx -t` to say. */
export function parseNginx(text: string, file: string): Directive[] {
  const root: Directive[] = [];
  const open = [root];
  let words: string[] = [];
  for (const [token] of text.matchAll(TOKEN)) {
    const block = open.at(-1);
    if (/^(\s|#)/.test(token) || !block) continue;
    if (token === ";") block.push({ words, file });
    else if (token === "{") {
      const inner: Directive[] = [];
      block.push({ words, file, block: inner });
      open.push(inner);
    } else if (token === "}") open.pop();
    else {
      words.push(unquote(token));
      continue;
    }
    words = [];
  }
  return root;
}

const unquote = (token: string) => (/^["']/.test(token) ? token.slice(1, -1).replaceAll(/\\(["'\\])/g, "$1") : token);

/** Whether an include's pattern takes a file: `*` and `?` stand for anything within one folder. */
export function matches(pattern: string, file: string): boolean {
  const source = pattern
    .replaceAll(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${source}$`).test(file);
}

/** Every directive of a name, at any depth. */
export const directives = (list: Directive[], name: string): Directive[] =>
  list.flatMap((one) => [...(one.words[0] === name ? [one] : []), ...directives(one.block ?? [], name)]);

/** A virtual host of a running configuration. */
export interface Host {
  file: string;
  names: string[];
  root?: string;
  locations: HostLocation[];
}

export interface HostLocation {
  /** What it matches: a prefix, or one path (`=`). */
  place: string;
  alias?: string;
  /** Ports of this machine that it hands requests to, upstreams resolved. */
  ports: number[];
}

/** Every `server` of a configuration. */
export function hostsOf(list: Directive[]): Host[] {
  const upstreams = new Map(
    directives(list, "upstream").map(({ words, block = [] }) => [
      words[1],
      block.filter(({ words: [name] }) => name === "server").flatMap(({ words: [, address = ""] }) => portOf(address)),
    ]),
  );
  return directives(list, "server").flatMap(({ block, file }) => {
    if (!block) return [];
    const valueOf = (name: string) => block.find(({ words }) => words[0] === name)?.words[1];
    const root = valueOf("root");
    return [
      {
        file,
        names: block.filter(({ words }) => words[0] === "server_name").flatMap(({ words }) => words.slice(1)),
        ...(root === undefined ? {} : { root }),
        locations: directives(block, "location").map((one) => locationOf(one, upstreams)),
      },
    ];
  });
}

function locationOf({ words, block = [] }: Directive, upstreams: Map<string | undefined, number[]>): HostLocation {
  const target = block.find(({ words: [name] }) => name === "proxy_pass")?.words[1] ?? "";
  const authority = /^https?:\/\/([^/]+)/.exec(target)?.[1] ?? "";
  const alias = block.find(({ words: [name] }) => name === "alias")?.words[1];
  const modifier = words.length > 2 ? words[1] : undefined;
  return {
    place: modifier === undefined || modifier === "^~" || modifier === "=" ? (words.at(-1) ?? "") : "",
    ...(alias === undefined ? {} : { alias }),
    ports: upstreams.get(authority) ?? portOf(authority),
  };
}

/** The port of an address on this machine; none of another machine's, or of a unix socket. */
function portOf(address: string): number[] {
  const port = /^(?:127(?:\.\d+){3}|localhost|\[::1\]):(\d+)$/.exec(address)?.[1];
  return port === undefined ? [] : [Number(port)];
}
