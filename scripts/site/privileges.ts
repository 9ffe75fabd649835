import path from "node:path";
import { folderWords, removeWords, writeWords } from "../core/as-root.ts";
import type { ProxyHost } from "./proxy.ts";

/** A file of a proxy's. */
interface Place {
  path: string;
  /** Only root may write there. */
  needsRoot: boolean;
  /** Its folder is there; default: yes. */
  hasFolder?: boolean;
}

/** Pure. Every order that installing or removing these files gives through sudo, word by word. */
export function privilegesOf({ rootOrders }: Pick<ProxyHost, "rootOrders">, places: Place[]): string[][] {
  if (places.length === 0) return [];
  const ofRoot = places.filter(({ needsRoot }) => needsRoot);
  const folders = ofRoot.filter(({ hasFolder }) => hasFolder === false).map((place) => path.dirname(place.path));
  return [
    ...rootOrders,
    ...[...new Set(folders)].map(folderWords),
    ...ofRoot.flatMap((place) => [...writeWords(place.path), removeWords(place.path)]),
  ];
}
