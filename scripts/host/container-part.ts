import path from "node:path";
import { readText } from "./part-files.ts";

/** What a Containerfile says of the image that it makes. */
export interface ContainerPart {
  /** The first port that it exposes. */
  port?: number;
  /** Its last WORKDIR: where the image has what is relative. */
  workDir: string;
}

export const CONTAINERFILES = ["Containerfile", "Dockerfile"];

/** Reads the Containerfile of a folder; undefined where there is none. */
export function observeContainer(place: string, names: string[]): ContainerPart | undefined {
  const name = CONTAINERFILES.find((file) => names.includes(file));
  if (name === undefined) return undefined;
  const text = readText(path.join(place, name)) ?? "";
  const port = Number(/^\s*EXPOSE\s+(\d{1,5})(?:\/tcp)?(?=\s|$)/im.exec(text)?.[1]);
  const directories = [...text.matchAll(/^\s*WORKDIR\s+(\/[\w./-]*)\s*$/gim)].map(([, directory]) => directory);
  return {
    workDir: path.posix.resolve("/", directories.at(-1) ?? "/"),
    ...(port > 0 && port < 65536 ? { port } : {}),
  };
}
