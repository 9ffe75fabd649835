/** What could move the cursor, or turn the direction of the text. */
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** Characters that terminals show two columns wide: East Asian ones, and pictures. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;
const MARK = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

const widthOf = (letter: string) => (MARK.test(letter) ? 0 : WIDE.test(letter) ? 2 : 1);

/** One line of at most `columns` columns, without anything that would move a terminal's cursor; what is too long ends in `…`. */
export function fit(text: string, columns: number): string {
  const letters = Array.from(text.replace(CONTROL, "�"));
  if (letters.reduce((sum, letter) => sum + widthOf(letter), 0) <= columns) return letters.join("");
  let shown = "";
  let width = 1;
  for (const letter of letters) {
    width += widthOf(letter);
    if (width > columns) break;
    shown += letter;
  }
  return columns > 0 ? `${shown}…` : "";
}
