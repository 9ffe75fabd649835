import type { RenderedFile } from "../render/file.ts";
import type { Subject } from "../render/subject.ts";
import { type Form, renderContainer } from "./unit.ts";

/** The containers of a manifest in one form, a file each. @throws ManifestError for what podman cannot express */
export const renderContainers = (subject: Subject, form: Form): RenderedFile[] =>
  Object.entries(subject.manifest.services).flatMap(([name, service]) =>
    service.container && !service.schedule ? [renderContainer(subject, name, service, form)] : [],
  );

/** The containers of a manifest in both forms, to read: a host gets the one that its podman takes. */
export const renderPodman = (subject: Subject): RenderedFile[] => [
  ...renderContainers(subject, "container"),
  ...renderContainers(subject, "service"),
];
