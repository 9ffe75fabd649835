import type { Manifest, Service } from "../../manifest.schema.ts";

type Named = Pick<Manifest, "services" | "supervisor">;

/** Whether the owner's own systemd manager runs the services: where containers can be services. */
const isOwners = ({ supervisor }: Named) => supervisor === "podman" || supervisor === "systemd-user";

/** What a service in a container cannot have, as pairs of its key and why: a sentence that begins with the key. */
export function limitsOf(manifest: Named, name: string, service: Service): [key: keyof Service, why: string][] {
  const { container, schedule, instances, socket, ready, dir, group, user, env_file: files } = service;
  if (!container) return [];
  const claims: [keyof Service, boolean, string][] = [
    ["container", !isOwners(manifest), "is run by supervisor: podman or systemd-user only"],
    ["container", rivalOf(manifest, name, service) !== undefined, rival(manifest, name, service)],
    ["schedule", schedule !== undefined, "is for programs: a container stays up"],
    ["instances", instances !== undefined, "are for programs: give each container a service of its own"],
    ["socket", socket !== undefined, "is for programs: a container takes no socket from the manager"],
    ["ready", ready === "notify", "is for programs: a container is up once it is started, and the gate asks it"],
    ["dir", dir !== ".", "is for programs: a container works in its image's WORKDIR"],
    ["group", group !== undefined && user === undefined, "of a container needs user: podman has no group alone"],
    [
      "env_file",
      files.some((file) => file.startsWith("-")),
      "may not be absent for a container: podman has no such files",
    ],
  ];
  return claims.flatMap(([key, isMet, why]): [keyof Service, string][] => (isMet ? [[key, why]] : []));
}

/** Another service whose image has the same name and is built from something else. */
function rivalOf({ services }: Named, name: string, { container: own }: Service): string | undefined {
  const isRival = ({ container: other }: Service) =>
    other?.image === own?.image && (other?.context !== own?.context || other?.file !== own?.file);
  return Object.keys(services).find((one) => one !== name && isRival(services[one] as Service));
}

const rival = (manifest: Named, name: string, service: Service) =>
  `has the image of ${rivalOf(manifest, name, service)}, and another context or file: give it another name`;
