import { Composer, type CST, isAlias, isMap, isScalar, isSeq, type Node, Parser, type YAMLMap } from "yaml";

const MAX_DEPTH = 32;
const MAX_ALIASES = 100;
const MAX_ALIASED_NODES = 10_000;
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** Reports something wrong at a character offset. */
export type Report = (offset: number, message: string, length?: number) => void;

export interface YamlSource {
  /** Plain maps, lists and scalars. */
  value: unknown;
  /** Start and end offset of what stands at `path`: its value, or its key; of the nearest thing above it when absent. */
  rangeOf(path: PropertyKey[], prefer: "key" | "value"): [start: number, end: number];
  /** The text of the scalar at `path` as written, without its comment. */
  writtenAt(path: PropertyKey[]): string | undefined;
}

/** Reads one YAML 1.2 document; bombs, deep nesting, duplicate and dangerous keys are reported, never followed. */
export function parseYaml(text: string, report: Report): YamlSource {
  const root = compose(text, report);
  const reader = new Reader(report);
  const value = root ? reader.read(root, 0) : undefined;
  return {
    value,
    rangeOf: (path, prefer) => rangeOf(reader.walk(root, path), prefer),
    writtenAt: (path) => {
      const { node, isWhole } = reader.walk(root, path);
      return isWhole && isScalar(node) ? node.source : undefined;
    },
  };
}

function compose(text: string, report: Report): Node | undefined {
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  if (control) {
    report(control.index, "a control character stands here");
    return undefined;
  }
  const tokens = [...new Parser().parse(text)];
  const tooDeep = firstTooDeep(tokens);
  if (tooDeep !== undefined) {
    report(tooDeep, `this is nested more than ${MAX_DEPTH} levels deep`);
    return undefined;
  }
  // Its own check for duplicate keys compares every key with every other: Reader has a faster one.
  const composer = new Composer({ merge: false, uniqueKeys: false, prettyErrors: false, version: "1.2" });
  const [doc, second] = [...composer.compose(tokens, true, text.length)];
  if (!doc) return undefined;
  for (const { pos, message } of [...doc.errors, ...doc.warnings]) report(pos[0], sentence(message), pos[1] - pos[0]);
  if (second) report(second.range[0], "a second document starts here; wanted only one");
  if (doc.directives?.yaml.explicit && doc.directives.yaml.version !== "1.2") report(0, "wanted YAML 1.2");
  return doc.errors.length > 0 ? undefined : (doc.contents ?? undefined);
}

const sentence = (message: string): string => `not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`;

/** Offset of the first collection below the limit; without recursion, which the file could exhaust. */
function firstTooDeep(tokens: CST.Token[]): number | undefined {
  const open = tokens.map((token) => ({ token, depth: 0 }));
  for (let entry = open.pop(); entry; entry = open.pop()) {
    const { token, depth } = entry;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === "document" && token.value) open.push({ token: token.value, depth });
    if (!("items" in token)) continue;
    for (const { key, value } of token.items)
      for (const child of [key, value]) if (child) open.push({ token: child, depth: depth + 1 });
  }
  return undefined;
}

interface Found {
  key: Node | undefined;
  node: Node | undefined;
  isWhole: boolean;
}

function rangeOf({ key, node }: Found, prefer: "key" | "value"): [number, number] {
  const isEmpty = !node?.range || node.range[0] === node.range[1];
  const range = ((prefer === "key" || isEmpty) && key?.range) || node?.range || [0, 1];
  return [range[0], range[1]];
}

class Reader {
  readonly #report: Report;
  readonly #anchors = new Map<string, Node>();
  readonly #targets = new Map<Node, Node>();
  readonly #open = new Set<Node>();
  #aliases = 0;
  #aliasedNodes = 0;
  #outerAlias: Node | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  read(node: Node, depth: number): unknown {
    const offset = node.range?.[0] ?? 0;
    if (this.#outerAlias && ++this.#aliasedNodes > MAX_ALIASED_NODES) {
      return this.#aliasedNodes === MAX_ALIASED_NODES + 1 ? this.#refuseMore(this.#outerAlias) : undefined;
    }
    if (depth > MAX_DEPTH) return this.#refuse(offset, `this is nested more than ${MAX_DEPTH} levels deep`);
    if (isAlias(node)) return this.#readAlias(node.source, node, depth);
    if ("anchor" in node && node.anchor) this.#anchors.set(node.anchor, node);
    if (isScalar(node)) return node.value;
    this.#open.add(node);
    const value = isMap(node)
      ? this.#readMap(node, depth)
      : isSeq(node)
        ? node.items.map((item) => this.read(item as Node, depth + 1))
        : null;
    this.#open.delete(node);
    return value;
  }

  /** Follows `path` as far as it exists. */
  walk(root: Node | undefined, path: PropertyKey[]): Found {
    let found: Found = { key: undefined, node: root, isWhole: true };
    for (const step of path) {
      const node = found.node && (this.#targets.get(found.node) ?? found.node);
      const next = stepInto(node, step);
      if (!next) return { ...found, isWhole: false };
      found = next;
    }
    return found;
  }

  #readMap(node: YAMLMap, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (const { key, value } of node.items) {
      const name = this.#readKey(key as Node | null, map, node);
      if (name !== undefined) map[name] = value ? this.read(value as Node, depth + 1) : null;
    }
    return map;
  }

  #readKey(key: Node | null, map: Record<string, unknown>, parent: YAMLMap): string | undefined {
    const [start, end] = key?.range ?? parent.range ?? [0, 1];
    const refuse = (message: string): undefined => this.#refuse(start, message, end - start);
    if (!isScalar(key)) return refuse("wanted a plain word as key");
    if (key.value === null) return refuse("wanted a key in front of the colon");
    if (typeof key.value !== "string") return refuse(`wanted text as key: quote it, "${key.source ?? ""}"`);
    if (FORBIDDEN_KEYS.has(key.value)) return refuse(`the key "${key.value}" is not allowed`);
    if (Object.hasOwn(map, key.value)) return refuse(`the key "${key.value}" stands here a second time`);
    return key.value;
  }

  #readAlias(name: string, node: Node, depth: number): unknown {
    const [start, end] = node.range ?? [0, 1];
    const target = this.#anchors.get(name);
    if (!target) return this.#refuse(start, `*${name} names no anchor above it`, end - start);
    if (this.#open.has(target)) return this.#refuse(start, `*${name} stands inside what it refers to`, end - start);
    if (++this.#aliases > MAX_ALIASES)
      return this.#aliases === MAX_ALIASES + 1 ? this.#refuseMore(this.#outerAlias ?? node) : undefined;
    this.#targets.set(node, target);
    const outer = this.#outerAlias;
    this.#outerAlias ??= node;
    const value = this.read(target, depth);
    this.#outerAlias = outer;
    return value;
  }

  #refuseMore({ range }: Node): undefined {
    const [start, end] = range ?? [0, 1];
    return this.#refuse(start, "the aliases (*name) repeat too much", end - start);
  }

  #refuse(offset: number, message: string, length?: number): undefined {
    this.#report(offset, message, length);
    return undefined;
  }
}

function stepInto(node: Node | undefined, step: PropertyKey): Found | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(step)] as Node | undefined;
    return item && { key: undefined, node: item, isWhole: true };
  }
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && key.value === step);
  return pair && { key: pair.key as Node, node: (pair.value as Node | null) ?? undefined, isWhole: true };
}
