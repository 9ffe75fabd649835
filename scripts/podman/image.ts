import type { Manifest } from "../../manifest.schema.ts";
import type { Paths } from "../core/paths.ts";
import { unitOf } from "../systemd/names.ts";

/** An image that a manifest builds: one, whoever runs it. */
export interface Image {
  /** With its registry, which is `localhost/` where the manifest names none. */
  name: string;
  /** The folder to build in, relative to the release. */
  context: string;
  /** The Containerfile, relative to the release; undefined: the one in `context`. */
  file?: string | undefined;
  /** The services that run it. */
  services: string[];
}

/** As podman itself reads a name: what comes before the first slash is a registry if it could be a host. */
export const fullName = (image: string): string =>
  /^(?:localhost|[^/]*[.:][^/]*)\//.test(image) ? image : `localhost/${image}`;

/** Every image of a manifest, in its order. */
export function imagesOf({ services }: Pick<Manifest, "services">): Image[] {
  const images = new Map<string, Image>();
  for (const [service, { container }] of Object.entries(services)) {
    if (!container) continue;
    const { image, context, file } = container;
    const known = images.get(image);
    if (known) known.services.push(service);
    else images.set(image, { name: fullName(image), context, file, services: [service] });
  }
  return [...images.values()];
}

/** The image of a release. */
export const imageOf = ({ name }: Pick<Image, "name">, id: string) => `${name}:${id}`;

/** The name of a service's container: that of its unit, without what podman takes in no name. */
export const containerOf = (manifest: Pick<Manifest, "app" | "services">, service: string): string =>
  unitOf(manifest, service)
    .replace(/\.service$/, "")
    .replaceAll(/[^\w.-]/g, "-")
    .replace(/^[^A-Za-z0-9]+/, "");

/** Why a release id cannot be an image's tag; undefined for one that can. */
export const tagProblem = (id: string): string | undefined =>
  id.includes("+") ? `${id} has a + in it, which no image's tag may have` : undefined;

/** What an image says of itself: whose it is, and which release it was built for. */
export const LABELS = { app: "switchback.app", tree: "switchback.tree", release: "switchback.release" } as const;

/** Words that pick a tree's own among images or containers. */
export const filterOf = ({ deployTo }: Pick<Paths, "deployTo">) => ["--filter", `label=${LABELS.tree}=${deployTo}`];
