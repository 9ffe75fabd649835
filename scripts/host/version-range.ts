const PART = /^(>=|<=|>|<|===?|=|\^|~=|~|!=)?v?(\d+(?:\.\d+)*)(\.[x*])?$/;

/**
 * A version range of npm's, pip's or poetry's as `needs` writes it: `^20.1` → `>=20.1,<21`, `==3.11.*` → `>=3.11,<3.12`; empty for one
 * that cannot be said so.
 */
export function rangeOf(text: string): string {
  const words = text.trim().replaceAll(/([<>=~^!])\s+/g, "$1");
  const parts = words.split(/[\s,]+/).map((word) => PART.exec(word));
  if (words === "" || parts.includes(null)) return "";
  return parts.map((part) => boundsOf(part?.[1] ?? "", part?.[2] ?? "", part?.[3] !== undefined)).join(",");
}

function boundsOf(sign: string, version: string, isOpen: boolean): string {
  const numbers = version.split(".").map(Number);
  if (/^([<>]=?|!=)$/.test(sign)) return `${sign}${version}`;
  const between = (kept: number) =>
    `>=${version},<${[...numbers.slice(0, kept - 1), (numbers[kept - 1] ?? 0) + 1].join(".")}`;
  if (sign === "^") return between(1);
  if (sign === "~=") return between(Math.max(1, numbers.length - 1));
  if (sign === "~") return between(Math.min(2, numbers.length));
  return between(isOpen ? numbers.length : Math.min(2, numbers.length));
}
