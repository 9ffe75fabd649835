import { FailedError, InterruptedError, SwitchbackError } from "../core/errors.ts";
import { Prefixed, prefixOf } from "../fleet/prefix.ts";
import type { Hosts } from "../fleet/real.ts";
import type { Host } from "../manifest/loaded.ts";
import { reporter } from "../terminal/reporter.ts";

/** What a person sees while hosts are set up: lines behind each host's name, and one moving line for what is copied to all of them. */
export class SetupShow {
  private readonly hosts: Hosts;
  private readonly percents = new Map<Host, number>();

  constructor(hosts: Hosts) {
    this.hosts = hosts;
    reporter().begin(`Set up ${hosts.hosts.map((host) => hosts.titleOf(host)).join(", ")}`);
  }

  /** How a host's setup tells what it does; `end` writes what is held back. */
  optionsFor(host: Host) {
    const out = new Prefixed(this.prefixOf(host), (text) => reporter().output(text));
    const add = (text: string) => out.add(text);
    return {
      say: (line: string) => this.say(host, line),
      warn: (line: string) => reporter().warn(`${this.hosts.titleOf(host)}: ${line}`),
      onOut: add,
      onErr: add,
      onProgress: ({ percent }: { percent: number }) => this.progress(host, percent),
      end: () => out.end(),
    };
  }

  say(host: Host, line: string): void {
    this.percents.delete(host);
    reporter().say(`${this.prefixOf(host)}${line}`);
  }

  /** What went wrong on one host, or on several. */
  summed(failed: unknown[]): unknown {
    const known = failed.filter((one) => one instanceof SwitchbackError);
    const [first] = known;
    if (known.length < failed.length) return failed.find((one) => !(one instanceof SwitchbackError));
    if (first === undefined || known.length === 1) return first;
    if (known.every((one) => one instanceof InterruptedError)) return new InterruptedError("interrupted");
    return new FailedError(`${known.length} of ${this.hosts.hosts.length} hosts could not be set up`, {
      output: known.flatMap(({ message, output }) => [message, ...output.map((line) => `  ${line}`)]),
      next: [...new Set(known.flatMap(({ next }) => next))],
    });
  }

  end(): void {
    reporter().takeAway();
  }

  private prefixOf(host: Host): string {
    const { hosts } = this.hosts;
    return prefixOf(
      this.hosts.titleOf(host),
      hosts.map((one) => this.hosts.titleOf(one)),
    );
  }

  private progress(host: Host, percent: number): void {
    this.percents.set(host, percent);
    reporter().waitFor(() =>
      [...this.percents].map(([one, done]) => `${this.hosts.titleOf(one)}: the suite, ${done} %`).join("  "),
    );
  }
}
