import { FailedError } from "../core/errors.ts";
import { reporter } from "../terminal/reporter.ts";
import type { Stage } from "./stage.ts";

let visits = 0;

/** Asks the application as a visitor does. @throws FailedError unless that release answers and no visit was lost. */
export async function visit(stage: Stage, release: string): Promise<void> {
  const url = `http://127.0.0.1:${stage.port}/`;
  const response = await fetch(url, { headers: { connection: "close" } });
  const text = (await response.text()).trim();
  visits += 1;
  reporter().say(`${reporter().paint("bold", `$ curl ${url}`)}\n${reporter().paint("cyan", text)}`);
  const seen = JSON.parse(text) as { release?: string; visits?: number };
  if (seen.release !== release) throw new FailedError(`${release} should answer, and it was ${seen.release}`);
  if (seen.visits !== visits)
    throw new FailedError(`this is visit ${visits}, and the application counts ${seen.visits}`);
}
