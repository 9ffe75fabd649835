/** What the five systems' manifests become under systemd, to be read by eye; `vitest -u` writes it again. */
import { expect, test } from "vitest";
import { SEEDS, seed, subjectFor, textsOf } from "./subjects.ts";

const golden = (folder: string, unit: string) => `../golden/systemd/${folder}/${unit}`;

test.each(SEEDS)("%s", async (name) => {
  for (const [unit, text] of Object.entries(textsOf(subjectFor(seed(name), { supervisor: "systemd" }))))
    await expect(text).toMatchFileSnapshot(golden(name, unit));
});

test("desktop, phase 2: the user's own manager", async () => {
  const units = textsOf(subjectFor(seed("aqa-youtube-assistant"), { supervisor: "systemd-user" }));
  for (const [unit, text] of Object.entries(units))
    await expect(text).toMatchFileSnapshot(golden("aqa-youtube-assistant-user", unit));
});
