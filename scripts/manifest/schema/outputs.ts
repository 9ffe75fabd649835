import { holds, overlaps } from "../../build/places.ts";
import { OWN_PATHS } from "./linked.ts";

const entriesOf = (value: unknown): [string, unknown][] =>
  typeof value === "object" && value !== null ? Object.entries(value) : [];

/** The places that lead into `shared/`: a step that makes one would write into what all releases have. */
function sharedPlaces(value: Record<string, unknown>): string[] {
  const maps = ["linked_files", "linked_dirs", "dependencies"].flatMap((key) => entriesOf(value[key]));
  return maps
    .flatMap(([, entry]) => new Map(entriesOf(entry)).get("path") ?? [])
    .filter((place) => typeof place === "string");
}

function problemOf(place: unknown, shared: string[]): string | undefined {
  if (typeof place !== "string") return undefined;
  if (place === ".") return "an output is something inside the release, not all of it";
  const own = OWN_PATHS.find((path) => holds(path, place));
  if (own) return `${own} belongs to the release itself and is no output`;
  const linked = shared.find((other) => overlaps(other, place));
  if (linked === undefined) return undefined;
  return holds(linked, place)
    ? `${place} leads into shared/ by ${linked}: it is the same in all releases and no output`
    : `${linked}, which is linked, lies inside ${place}: name what the step makes beside it`;
}

/** Reports each output of a build step that cannot be taken from another release; looks at all steps, also when other keys are wrong. */
export function checkOutputs(
  value: Record<string, unknown>,
  report: (path: PropertyKey[], message: string) => void,
): void {
  const shared = sharedPlaces(value);
  for (const [name, step] of entriesOf(value["build"]))
    for (const [index, place] of entriesOf(new Map(entriesOf(step)).get("outputs"))) {
      const problem = problemOf(place, shared);
      if (problem !== undefined) report(["build", name, "outputs", Number(index)], problem);
    }
}
