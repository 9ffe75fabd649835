import { UsageError } from "../core/errors.ts";

/** The lines around what belongs to one tree in a crontab. */
export const markersOf = (app: string, deployTo: string) => ({
  begin: `# BEGIN switchback ${app} ${deployTo}`,
  end: `# END switchback ${app} ${deployTo}`,
});

const MARKER = /^# (BEGIN|END) switchback [a-z][a-z0-9-]* ([^\n]*)\n?$/;

/**
 * A crontab with `block` (whole lines, or nothing) in place of the tree's own, and all else as it was. A new block goes in front:
 * settings such as SHELL= hold for the lines below them, and nobody's are meant for it. crontab(1) wants a line break at the end.
 * @throws UsageError when the markers are not one pair
 */
export function withBlock(crontab: string, deployTo: string, block: string): string {
  const lines = crontab.split(/(?<=\n)/);
  // Its application may have had another name.
  const at = (wanted: string) =>
    lines.flatMap((line, index) => {
      const [, word, tree] = MARKER.exec(line) ?? [];
      return word === wanted && tree === deployTo ? [index] : [];
    });
  const [begins, ends] = [at("BEGIN"), at("END")];
  const [begin = 0] = begins;
  const [end = -1] = ends;
  const isPair = begins.length === ends.length && begins.length <= 1 && (begins.length === 0 || begin < end);
  if (!isPair)
    throw new UsageError(`the crontab has ${begins.length} BEGIN and ${ends.length} END lines of ${deployTo}`, {
      next: "crontab -e, and leave one pair or none",
    });
  return lines.slice(0, begin).join("") + block + closed(lines.slice(end + 1).join(""));
}

const closed = (text: string) => (text === "" || text.endsWith("\n") ? text : `${text}\n`);
