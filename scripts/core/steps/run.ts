import { rootLine } from "../as-root.ts";
import type { RunStep, ShellCommand } from "../step.ts";
import { command, quote } from "../step.ts";
import type { Kind } from "./kind.ts";

const linesOf = ({ lines, asRoot }: ShellCommand) => (asRoot ? lines.map(rootLine) : lines);

export const run: Kind<RunStep> = {
  show({ run: what }, context) {
    if ("ops" in what) return command(`${context.opsPath}/${what.ops}.ts`, ...context.flags, ...what.args);
    const lines = linesOf(what);
    const variables = Object.entries(what.env).map(([name, value]) => `${name}=${value}`);
    const shell = command(...(variables.length ? ["env", ...variables] : []), "bash", "-euo", "pipefail", "-c");
    return `(cd ${quote(what.cwd)} && ${shell} ${quote(lines.join("\n"))})`;
  },
  async apply(step, context) {
    if ("ops" in step.run) return context.actions.call(step.run, context);
    const { runShell } = await import("../shell.ts");
    await runShell({ ...step.run, lines: linesOf(step.run) }, step.title, context);
  },
  done: () => false,
};
