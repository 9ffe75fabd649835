import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Finding } from "../../scripts/doctor/finding.ts";
import { diagnose } from "../../scripts/host/doctor.ts";

/** A manifest's folder and a tree beside it, in a temporary directory that everybody may enter. */
export interface Place {
  path: string;
  tree: string;
  manifest(more: string): void;
  /** Files below the tree: name → content. */
  put(files: Record<string, string>): void;
  /** Makes the tree, with a release that is current. */
  deploy(): void;
  /** What doctor says under a heading: `level: message`. */
  said(check: string): Promise<string[]>;
  look(): Promise<Finding[]>;
}

/** Makes the place; removed by the caller. */
export function makePlace(): Place {
  const place = fs.mkdtempSync(path.join(os.tmpdir(), "doctor-"));
  fs.chmodSync(place, 0o755);
  const tree = path.join(place, "tree");
  const filePath = path.join(place, "app/deploy.yaml");
  fs.mkdirSync(path.dirname(filePath));
  const put = (files: Record<string, string>) => {
    for (const [name, content] of Object.entries(files)) {
      fs.mkdirSync(path.dirname(path.join(tree, name)), { recursive: true });
      fs.writeFileSync(path.join(tree, name), content);
    }
  };
  const look = () => diagnose({ manifest: filePath });
  return {
    path: place,
    tree,
    put,
    look,
    manifest: (more) => fs.writeFileSync(filePath, `app: shop\ndeploy_to: ../tree\n${more}`),
    deploy() {
      for (const name of ["releases/r1", "shared", "logs", "run"])
        fs.mkdirSync(path.join(tree, name), { recursive: true });
      fs.symlinkSync("releases/r1", path.join(tree, "current"));
    },
    said: async (check) =>
      (await look()).filter((one) => one.check === check).map(({ level, message }) => `${level}: ${message}`),
  };
}
