import { UsageError } from "../core/errors.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes for a person, by powers of 1000: `812 B`, `1.4 MB`, `120 GB`; a dash for what is not known. */
export function showBytes(bytes: number | null | undefined): string {
  if (bytes == null) return "-";
  const power = Math.min(UNITS.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const amount = bytes / 1000 ** power;
  return `${power === 0 || amount >= 99.5 ? Math.round(amount) : amount.toFixed(1)} ${UNITS[power]}`;
}

/** Bytes of `512k`, `10m` or `1g`, in small letters or large ones, by powers of 1024; of a plain number itself. */
export function bytesOf(size: string): number {
  const [, count = "0", unit = ""] = /^(\d+)([kmg]?)$/i.exec(size) ?? [];
  return Number(count) * 1024 ** ["", "k", "m", "g"].indexOf(unit.toLowerCase());
}

/** An ISO time as `2026-11-20 22:15:30`, in UTC; text that is no time as it is. */
export function showTime(iso: string | null | undefined): string {
  if (!iso) return "-";
  const time = Date.parse(iso);
  return Number.isNaN(time) ? iso : new Date(time).toISOString().slice(0, 19).replace("T", " ");
}

const STEPS: [milliseconds: number, unit: string][] = [
  [86_400_000, "d"],
  [3_600_000, "h"],
  [60_000, "m"],
  [1000, "s"],
];

/** A length of time in its two largest units: `6 d 2 h`, `3 m 20 s`, `0 s`. */
export function showAge(ms: number): string {
  const at = STEPS.findIndex(([step]) => ms >= step);
  const [size, unit] = STEPS[at] ?? [1000, "s"];
  const large = `${Math.max(0, Math.floor(ms / size))} ${unit}`;
  const next = at < 0 ? undefined : STEPS[at + 1];
  const small = next ? Math.floor((ms % size) / next[0]) : 0;
  return next && small > 0 ? `${large} ${small} ${next[1]}` : large;
}

/** Reads an option that is a number. @throws UsageError unless it is a whole one from `least` to 999999. */
export function countOf(option: string, text: string, least: 0 | 1 = 1): number {
  if (/^(0|[1-9]\d{0,5})$/.test(text) && Number(text) >= least) return Number(text);
  throw new UsageError(`${option} wants a whole number of at least ${least}, not ${JSON.stringify(text)}`);
}
