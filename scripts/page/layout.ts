import { html } from "hono/html";
import { printable } from "../text/table.ts";

/** What a tagged template of `hono/html` makes: text that is escaped already. */
export type Html = ReturnType<typeof html>;

/** A whole page, as `renderDocument` takes it. */
export interface Page {
  title: string;
  main: Html;
  /** Something is at work: looked at every second, and without JavaScript read again every five. */
  isAtWork?: boolean;
  /** One that shows what was, and does not change any more. */
  isStill?: boolean;
  status?: 404 | 503;
}

export type Place = "now" | "operations" | "none";

const AGAIN_MS = { busy: 1000, calm: 2000 };

/** The document around a page. */
export function renderDocument({ title, main, isAtWork = false, isStill = false }: Page, app: string, place: Place) {
  const every = isStill ? 0 : isAtWork ? AGAIN_MS.busy : AGAIN_MS.calm;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>${printable(title)}</title>
        <link rel="icon" href="/page/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/page/page.css" />
        <script type="module" src="/page/page.js"></script>
        ${isAtWork && !isStill ? html`<noscript><meta http-equiv="refresh" content="5" /></noscript>` : ""}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
          <a class="app" href="/"><bdi>${printable(app)}</bdi></a>
          <nav aria-label="Pages">
            <ul>
              <li>${renderTab("/", "Now", place === "now")}</li>
              <li>${renderTab("/operations", "Operations", place === "operations")}</li>
            </ul>
          </nav>
        </header>
        <main id="main" tabindex="-1" data-every="${every}">${main}</main>
        <footer>
          <p id="connection" role="status"></p>
          <p>Times are UTC. This page only looks: what changes something is typed on the host.</p>
        </footer>
      </body>
    </html>`;
}

const renderTab = (href: string, name: string, isHere: boolean): Html =>
  html`<a href="${href}" ${isHere ? html`aria-current="page"` : ""}>${name}</a>`;

/** Lines for a person to type. */
export const renderTyped = (lines: string[]): Html =>
  html`<pre
    class="type"
    tabindex="0"
    role="region"
    aria-label="What to type"
  ><code>${lines.map(printable).join("\n")}</code></pre>`;

/** A page that says why there is nothing to see, and what to type. */
export function explain(title: string, why: string, next: string[], status: 404 | 503): Page {
  return {
    title,
    status,
    main: html`<h1>${title}</h1>
      <p class="lead"><bdi class="text">${printable(why)}</bdi></p>
      <p>What to type:</p>
      ${renderTyped(next)}
      <p><a href="/">What runs now</a></p>`,
  };
}
