/** A real browser in front of the real routes. */
import fs from "node:fs";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { serve } from "@hono/node-server";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { pageRoutes } from "../../scripts/page/routes.ts";
import type { Reader } from "../../scripts/api/reader.ts";

const CHROMIUM = "/usr/bin/chromium";

/** Why there is no browser here; undefined where there is one. */
export const whyNoBrowser = fs.existsSync(CHROMIUM) ? undefined : `needs ${CHROMIUM}`;

const QUIET = [
  "--no-sandbox",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
  "--disable-sync",
];

export const openBrowser = (): Promise<Browser> => chromium.launch({ executablePath: CHROMIUM, args: QUIET });

export interface Site {
  url: string;
  /** Requests that were answered, in their order: method and path. */
  requests: string[];
  close(): Promise<void>;
}

/** Serves the page on a free port of loopback. */
export async function openSite(reader: Reader): Promise<Site> {
  const routes = pageRoutes(reader, { app: "shop" });
  const requests: string[] = [];
  const server = serve({
    fetch(request) {
      requests.push(`${request.method} ${new URL(request.url).pathname}`);
      return routes.fetch(request);
    },
    hostname: "127.0.0.1",
    port: 0,
  });
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };
}

export interface Visit {
  page: Page;
  /** What the browser complained about. */
  complaints: string[];
}

/** One page in a context of its own, with `look` of in-page.js in it; closed when `see` is done. */
export async function visit(
  browser: Browser,
  options: BrowserContextOptions,
  see: (visit: Visit) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(10_000);
  try {
    if (options.javaScriptEnabled !== false)
      await context.addInitScript({ path: path.join(import.meta.dirname, "in-page.js") });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => void complaints.push(message.text()));
    page.on("pageerror", (error) => void complaints.push(error.message));
    await see({ page, complaints });
  } finally {
    await context.close();
  }
}
