/**
 * The launcher as it was typed, from which the manifest is looked for. entry.ts takes it out of the environment when it is
 * loaded, so that a command which needs it imports this module before that one.
 */
export const typedLauncher = process.env["SWITCHBACK_LAUNCHER"] || undefined;
