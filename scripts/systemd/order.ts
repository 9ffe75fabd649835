import { instanceOf, instancesOf, serviceOf } from "../service/definition.ts";
import { unitName } from "./escape.ts";
import { unitOf } from "./names.ts";
import type { Task } from "./task.ts";
import { refuse } from "./unit-file.ts";

/** `after` and `wants` as units: a service of the manifest is its own unit, or those of all its instances. */
export const orderOf = (task: Task) => ({ after: unitsNamed(task, "after"), wants: unitsNamed(task, "wants") });

const unitsNamed = (task: Task, key: "after" | "wants"): string[] =>
  task.service[key].flatMap((text) => unitsOf(task, key, text));

function unitsOf({ subject, name, hasInstance }: Task, key: "after" | "wants", text: string): string[] {
  const { manifest } = subject;
  const known = manifest.services[serviceOf(text)];
  if (known && isMember(known.instances, instanceOf(text), hasInstance))
    return (text.includes("@") ? [text] : instancesOf(text, known)).map((one) => unitOf(manifest, one));
  const plain = hasInstance ? text.replaceAll("%i", "i") : text;
  const unit = unitName(plain);
  if (unit === undefined || known)
    return refuse(
      subject,
      ["services", name, key],
      `has ${JSON.stringify(text)}, which is neither a service of this manifest nor a unit such as network.target`,
    );
  return [`${text}${unit.slice(plain.length)}`];
}

function isMember(instances: object | undefined, instance: string | undefined, hasInstance: boolean): boolean {
  if (instance === undefined) return true;
  return instances !== undefined && (Object.hasOwn(instances, instance) || (hasInstance && instance === "%i"));
}
