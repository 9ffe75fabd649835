import { html } from "hono/html";
import type { Html } from "./layout.ts";

// On a field of 16 by 16; a stroke where there is a `d`.
const PATHS = {
  check: "M3.2 8.6 6.6 12 12.8 4.6",
  cross: "M4 4l8 8M12 4l-8 8",
  back: "M6.6 3.4 3 7l3.6 3.6M3.4 7h5.8a3.4 3.4 0 0 1 0 6.8H7",
  warning: "M8 2.4 14.4 13.4H1.6ZM8 6.4v3.4M8 11.6v.2",
  ring: "M8 4.2a3.8 3.8 0 1 0 .01 0Z",
  disc: "M8 3.6a4.4 4.4 0 1 0 .01 0Z",
  work: "M8 2.6a5.4 5.4 0 1 1-5.4 5.4",
} as const;

export type Shape = keyof typeof PATHS;

/** A shape beside the words that say the same: nothing for who listens. */
export const renderShape = (shape: Shape): Html =>
  html`<svg class="shape ${shape}" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d="${PATHS[shape]}" />
  </svg>`;
