import { ownTextOf } from "../render/reading.ts";

/** In the environment of a job: which property list launchd has loaded, where `launchctl print` shows it. */
export const PLIST_MARK = "SWITCHBACK_PLIST";

const MARKED = new RegExp(`<key>${PLIST_MARK}</key>\\s*<string>([0-9a-f]+)</string>`);

/** Which property list a text is; undefined for one that was not rendered here. */
export const markIn = (content: string): string | undefined => MARKED.exec(content)?.[1];

/** Which property list is installed at a place; undefined for none. */
export const plistMarkOf = (file: string): string | undefined => markIn(ownTextOf(file) ?? "");
