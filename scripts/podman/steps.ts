import path from "node:path";
import type { Context } from "../core/context.ts";
import { releasePath } from "../core/paths.ts";
import { command, type RunStep, type Step } from "../core/step.ts";
import { runtimePath } from "../systemd/systemctl.ts";
import { type Image, imageOf, imagesOf, LABELS } from "./image.ts";

/** Where podman keeps what it knows of running containers; cron and sudo leave it out of the environment. */
export const podmanEnvironment = (): Record<string, string> => ({ XDG_RUNTIME_DIR: runtimePath() });

/** Images of a complete release that are not here any more. */
export interface MissingImages {
  id: string;
  images: Image[];
}

/** Builds images of a release inside of it; what the Containerfile names and is here already is not asked for anywhere. */
export const buildImages = (context: Context, id: string, images: Image[]): Step[] =>
  images.map((image): RunStep => {
    const directory = releasePath(context.paths, id);
    const labels = [
      [LABELS.app, context.manifest.app],
      [LABELS.tree, context.paths.deployTo],
      [LABELS.release, id],
    ].flatMap(([name, value]) => ["--label", `${name}=${value}`]);
    const file = image.file === undefined ? [] : ["--file", path.join(directory, image.file)];
    const words = ["--tag", imageOf(image, id), ...labels, ...file, path.join(directory, image.context)];
    return {
      kind: "run",
      key: `image:${image.name}`,
      title: `Build the image ${imageOf(image, id)}`,
      run: { lines: [command("podman", "build", ...words)], cwd: directory, env: podmanEnvironment() },
    };
  });

/** Removes images, if they are there; one that a container still uses stays, and is told. */
export const removeImages = (context: Context, images: string[]): Step[] =>
  images.map((image): RunStep => ({
    kind: "run",
    key: "image:remove",
    title: `Remove the image ${image}`,
    optional: true,
    run: {
      lines: [`if ${command("podman", "image", "exists", image)}; then ${command("podman", "rmi", image)}; fi`],
      cwd: context.paths.deployTo,
      env: podmanEnvironment(),
    },
  }));

/** Removes what a build that did not end left of a release's images. */
export const discardImages = (context: Context, id: string): Step[] =>
  removeImages(
    context,
    imagesOf(context.manifest).map((image) => imageOf(image, id)),
  );
