import type { Host } from "../manifest/loaded.ts";
import { EXIT } from "../core/errors.ts";
import { writeOut } from "../terminal/output.ts";
import { reporter } from "../terminal/reporter.ts";
import { type Ending, exitOf, worstOf } from "./ending.ts";
import type { Giving } from "./give.ts";
import { asItIs } from "./real.ts";

/**
 * A command that looks. One host's answer is passed on as it is; with several, each one's text stands under its name, and `--json`
 * gives one object, keyed by the hosts' names. A host that is down hides none of the others; the exit code then is 1.
 */
export async function lookOnHosts(giving: Giving): Promise<number> {
  const { hosts, flags, typed, name } = giving;
  const [only, ...others] = hosts.hosts;
  if (only && others.length === 0) return lookAtOne(giving, only);
  if (typed.passed.some((word) => word === "--follow" || /^-\w*f\w*$/.test(word))) return follow(giving);
  // The registry answers with JSON whether it is asked to or not.
  return flags.json || name === "release/release-registry" ? lookAsJson(giving) : lookAsText(giving);
}

async function lookAtOne({ hosts, name, typed, flags }: Giving, host: Host): Promise<number> {
  const ending = await hosts.give({ host, command: name, words: typed.passed }, asItIs(), true);
  if (ending.end === "exited") return ending.exit;
  if (flags.json) writeOut(1, `${JSON.stringify(valueOf(ending, undefined))}\n`);
  sayLost(host.name, ending);
  return EXIT.failed;
}

/** A command in the foreground, of one host. */
export const attachToHost = (giving: Giving): Promise<number> => lookAtOne(giving, giving.hosts.hosts[0] as Host);

async function follow({ hosts, name, typed }: Giving): Promise<number> {
  const endings = await Promise.all(
    hosts.hosts.map(async (host) => {
      const ending = await hosts.give(
        { host, command: name, words: typed.passed },
        hosts.prefixed(host, { out: 1, err: 2 }),
        true,
      );
      if (ending.end !== "exited") sayLost(hosts.titleOf(host), ending);
      return ending;
    }),
  );
  return exitOfLooks(endings);
}

async function lookAsText({ hosts, name, typed }: Giving): Promise<number> {
  const looks = hosts.hosts.map(async (host) => {
    const text = { out: "", err: "" };
    const show = { onOut: (more: string) => void (text.out += more), onErr: (more: string) => void (text.err += more) };
    return { host, text, ending: await hosts.give({ host, command: name, words: typed.passed }, show, true) };
  });
  const endings: Ending[] = [];
  for (const [index, look] of looks.entries()) {
    // Told in the manifest's order, each as soon as those before it are.
    const { host, text, ending } = await look;
    writeOut(1, headingOf(hosts.titleOf(host), index === 0));
    writeOut(1, text.out);
    writeOut(2, text.err);
    if (ending.end !== "exited") sayLost(hosts.titleOf(host), ending);
    endings.push(ending);
  }
  return exitOfLooks(endings);
}

async function lookAsJson({ hosts, name, typed }: Giving): Promise<number> {
  const words = typed.passed.filter((word) => word !== "--json");
  const answers = await Promise.all(
    hosts.hosts.map(async (host) => ({
      host,
      ...(await hosts.ask({ host, command: name, words }, { isReading: true, fd: 2 })),
    })),
  );
  const value = Object.fromEntries(answers.map((one) => [one.host.name, valueOf(one.ending, one.value)]));
  writeOut(1, `${JSON.stringify(value, null, 2)}\n`);
  return exitOfLooks(answers.map(({ ending }) => ending));
}

/** What stands in `--json` for a host; of one that did not answer, why. */
export function valueOf(ending: Ending, value: unknown): unknown {
  if (ending.end === "exited") return value ?? null;
  const error = ending.end === "lost" ? "the connection was lost" : ending.message;
  return { error, exit: EXIT.failed, next: ending.end === "lost" ? [] : ending.next };
}

/** Between the hosts' texts. */
export const headingOf = (title: string, isFirst: boolean): string =>
  `${isFirst ? "" : "\n"}${reporter().paint("bold", `==> ${title} <==`)}\n`;

/** That a host did not answer, as every error is said. */
export function sayLost(title: string, ending: Ending): void {
  if (ending.end === "exited") return;
  const what = ending.end === "lost" ? `the connection to ${title} was lost` : ending.message;
  writeOut(2, `${reporter().paint("red", "error:")} ${what}\n`);
  if (ending.end === "lost") return;
  for (const line of ending.output) writeOut(2, `    ${line}\n`);
  if (ending.next.length > 0) writeOut(2, `What to type:\n${ending.next.map((line) => `    ${line}\n`).join("")}`);
}

export const exitOfLooks = (endings: readonly Ending[]): number =>
  worstOf(endings.map((ending) => (ending.end === "exited" ? exitOf(ending) : EXIT.failed)));
