import fs from "node:fs";
import path from "node:path";
import { bash, type Command, type Place } from "../place.ts";

/** `git archive | tar` into a new directory: the floor of every build. */
export const extract = (place: Place, sha: string, into: string): Command =>
  bash(`mkdir -p '${into}' && git -C '${place.repo}' archive --format=tar ${sha} | tar -xf - -C '${into}'`);

/** Seed 004's deploy.sh without services: extract, `npm ci`, build, `cp -r`, then the link. */
export const deploy = (place: Place, sha: string, into: string, script: string): Command => {
  const link = path.join(path.dirname(into), "../current");
  const { words, program } = extract(place, sha, into);
  return {
    program,
    words: [...words.slice(0, -1), `${words.at(-1)}\n${script}\nln -sfn "$1" '${link}'`, "bash", into],
  };
};

/** A folder for releases that is empty. */
export function makeReleases(place: Place, name: string): string {
  const releases = path.join(place.path, name, "releases");
  fs.mkdirSync(releases, { recursive: true });
  return releases;
}

/** What holds rollback.sh, with Python as the system has it: no shim of a version manager counts against it. */
export const rollback = (root: string, id: string): Command => ({
  program: path.join(import.meta.dirname, "rollback.sh"),
  words: [id],
  env: { PATH: "/usr/bin:/bin", DEPLOY_ROOT: root, DEPLOY_SKIP_SERVICE_RESTART: "1", DEPLOY_SKIP_HEALTHCHECK: "1" },
});
