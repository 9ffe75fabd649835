import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** A part of a bar, from 0 to 1. */
interface Part {
  from: number;
  to: number;
  className?: string;
}

/** Least width of a part that is more than nothing, in percent: it shall be seen. */
const LEAST = 1.5;

/** A bar for who looks; what it says stands in words beside it. Sizes are attributes: the page's policy forbids styles in place. */
export function renderBar(parts: Part[]): Html {
  return html`<svg class="bar" width="100%" height="6" aria-hidden="true" focusable="false">
    <rect class="track" width="100%" height="6" rx="3" />
    ${parts.map(renderPart)}
  </svg>`;
}

function renderPart({ from, to, className = "" }: Part): Html {
  const width = Math.min(100, Math.max(LEAST, clamp(to - from) * 100));
  const x = Math.min(clamp(from) * 100, 100 - width);
  return html`<rect class="${className}" x="${x.toFixed(2)}%" width="${width.toFixed(2)}%" height="6" rx="3" />`;
}

const clamp = (share: number) => (Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0);
