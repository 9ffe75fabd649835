import fs from "node:fs";
import path from "node:path";
import Handlebars from "handlebars";
import type * as z from "zod";
import { suitePath } from "../core/context.ts";

/** Folder of the templates, absolute. */
export const templatesPath = path.join(suitePath, "templates");

/**
 * Renders `templates/<name>.hbs`. Values stand as they are (Handlebars' own escaping is for HTML), a name that the input lacks is
 * an error, and the input has to be what `schema` says.
 */
export function renderTemplate<Schema extends z.ZodType>(name: string, schema: Schema, input: z.input<Schema>): string {
  const source = fs.readFileSync(path.join(templatesPath, `${name}.hbs`), "utf8");
  return Handlebars.compile(source, { noEscape: true, strict: true })(schema.parse(input));
}
