import { describe, expect, test } from "vitest";
import { BusyError, FailedError, InterruptedError, SwitchbackError } from "../../scripts/core/errors.ts";
import { type Deploying, deployTo, type Standing } from "../../scripts/fleet/deploy.ts";
import { together } from "../../scripts/fleet/together.ts";
import type { Host } from "../../scripts/manifest/loaded.ts";
import type { Connection } from "../../scripts/remote/connection.ts";
import { UnreachableError } from "../../scripts/remote/unreachable.ts";
import type { Staged } from "../../scripts/upload/staged.ts";
import { type Given, hostsCalled, recorder } from "./recorder.ts";

const SHA = "1234567890abcdef1234567890abcdef12345678";

interface Lab {
  /** What is current on each host. */
  hosts: Record<string, string | undefined>;
  down?: string[];
  ends?: Record<string, Given>;
  standing?: Record<string, Partial<Standing>>;
  stage?: Error;
  upload?: Error;
  size?: number;
  stopAfter?: number;
}

const connectionOf = (host: Host, currentId: string | undefined) => ({ host, currentId }) as Connection;
const staged = { id: "r2", sha: SHA } as Staged;

async function deploy({ hosts, down = [], ends = {}, standing = {}, stage, upload, size = 1, stopAfter = 0 }: Lab) {
  const fleet = recorder(ends, stopAfter);
  const done: string[] = [];
  const deploying: Deploying = {
    ...fleet,
    connect: async (host) => {
      if (down.includes(host.name)) throw new UnreachableError(`${host.name} does not answer`, { output: ["ssh: no"] });
      return connectionOf(host, hosts[host.name]);
    },
    stage: async () => {
      done.push("stage");
      if (stage) throw stage;
      return staged;
    },
    prepare: async (connections) => {
      done.push(`prepare ${connections.map(({ host }) => host.name).join(" ")}`);
      return connections;
    },
    upload: async (connections) => {
      done.push(`upload ${connections.map(({ host }) => host.name).join(" ")}`);
      if (upload) throw upload;
    },
    look: async (host) => ({ id: hosts[host.name], sha: SHA, isServing: true, ...standing[host.name] }),
  };
  const all = hostsCalled(...Object.keys(hosts));
  const words = { buildWords: ["--no-cache"], switchWords: ["--keep-data"] };
  const result = await deployTo(deploying, { hosts: all, size, ...words }).catch((error: unknown) => error);
  const error = result instanceof SwitchbackError ? result : undefined;
  const is = error ? {} : outcomesOf(result as Awaited<ReturnType<typeof deployTo>>);
  return { given: fleet.given, said: fleet.said, done, is, error };
}

const outcomesOf = ({ outcomes }: Awaited<ReturnType<typeof deployTo>>) =>
  Object.fromEntries(outcomes.map(({ host, outcome }) => [host.name, outcome]));

const TWO = { web1: "r1", web2: "r1" };
const build = (host: string) => `${host}: release/build_release --uploaded r2 --no-cache`;
const forward = (host: string) => `${host}: release/switch_current r2 --keep-data`;
const prune = (host: string) => `${host}: release/prune --quiet`;

describe("a deployment to several hosts", () => {
  test("is prepared everywhere, then switched one by one, then pruned", async () => {
    const { given, done, is } = await deploy({ hosts: TWO });
    expect(done).toEqual(["stage", "prepare web1 web2", "upload web1 web2"]);
    expect(given).toEqual([
      build("web1"),
      build("web2"),
      forward("web1"),
      forward("web2"),
      prune("web1"),
      prune("web2"),
    ]);
    expect(is).toEqual({ web1: "switched", web2: "switched" });
  });

  test("tells all hosts that are down, and begins nothing", async () => {
    const { given, done, error } = await deploy({ hosts: { ...TWO, web3: "r1" }, down: ["web1", "web3"] });
    expect(error).toMatchObject({
      exit: 1,
      message: "web1, web3 cannot be reached; nothing was begun",
      output: ["web1 does not answer", "  ssh: no", "web3 does not answer", "  ssh: no"],
    });
    expect([given, done]).toEqual([[], []]);
  });

  test("a ref that is not there is told before a host is set up", async () => {
    const { given, done, error } = await deploy({ hosts: TWO, stage: new FailedError("no such ref") });
    expect(error?.message).toBe("no such ref");
    expect([given, done]).toEqual([[], ["stage"]]);
  });

  test("a build that fails on one host: nothing is switched, the others stay built", async () => {
    const { given, error } = await deploy({ hosts: TWO, ends: { [build("web2")]: 1 } });
    expect(given).toEqual([build("web1"), build("web2")]);
    expect(error).toMatchObject({
      exit: 1,
      message: "it was not built on web2; nothing was switched; it stays built on web1",
    });
  });

  test("a build that fails says what its host says to type", async () => {
    const answer = { error: "no room", next: ["df -h"] };
    const { error } = await deploy({
      hosts: TWO,
      ends: { [build("web1")]: { end: "exited", exit: 1, answer, ms: 1 } },
    });
    expect(error).toMatchObject({ exit: 1, output: ["web1: no room"], next: ["df -h"] });
  });

  test.each([
    [{ [build("web1")]: 75, [build("web2")]: 75 }, 75],
    [{ [build("web1")]: 75, [build("web2")]: 2 }, 1],
    [{ [build("web1")]: 130, [build("web2")]: 1 }, 130],
    [{ [build("web1")]: "lost" as const }, 1],
    [{ [build("web1")]: 4 }, 1],
    [{ [build("web1")]: "unreachable" as const }, 1],
  ])("builds that end as %j: exit %i", async (ends, exit) => {
    const { error } = await deploy({ hosts: TWO, ends });
    expect(error?.exit).toBe(exit);
  });

  test("a host that has it already, and serves it, is left alone", async () => {
    const { given, said, is } = await deploy({ hosts: { web1: "r2", web2: "r1" } });
    expect(given).toEqual([build("web2"), forward("web2"), prune("web2")]);
    expect(said).toContain("web1 has it already");
    expect(is).toEqual({ web1: "has it already", web2: "switched" });
  });

  test("one whose services are stopped is not left alone", async () => {
    const { given } = await deploy({ hosts: { web1: "r2", web2: "r1" }, standing: { web1: { isServing: false } } });
    expect(given).toContain(forward("web1"));
  });

  test("the same id from another commit is refused before anything is sent", async () => {
    const { given, done, error } = await deploy({
      hosts: { web1: "r2", web2: "r1" },
      standing: { web1: { sha: "f".repeat(40) } },
    });
    expect(error).toMatchObject({ exit: 2, message: expect.stringContaining("web1 has r2 from commit ffffffffffff") });
    expect([given, done]).toEqual([[], ["stage", "prepare web1 web2"]]);
  });

  test("an upload that fails: nothing is built", async () => {
    const { given, error } = await deploy({ hosts: TWO, upload: new FailedError("no room on web2") });
    expect(error?.message).toBe("no room on web2");
    expect(given).toEqual([]);
  });

  test("a failure in the second batch: no prune, the first is brought back", async () => {
    const { given, is } = await deploy({ hosts: TWO, ends: { [forward("web2")]: 3 } });
    expect(given.slice(2)).toEqual([forward("web1"), forward("web2"), "web1: release/switch_current r1"]);
    expect(is).toEqual({ web1: "brought back", web2: "restored" });
  });

  test("a prune that fails is told, and fails nothing", async () => {
    const { said, is } = await deploy({ hosts: TWO, ends: { [prune("web1")]: 1 } });
    expect(said).toContain("warning: old releases were not pruned");
    expect(is).toEqual({ web1: "switched", web2: "switched" });
  });

  test("Ctrl-C once all is built: nothing is switched", async () => {
    const { given, is } = await deploy({ hosts: TWO, stopAfter: 2 });
    expect(given).toEqual([build("web1"), build("web2")]);
    expect(is).toEqual({ web1: "not begun", web2: "not begun" });
  });
});

describe("what is done on all hosts at once", () => {
  const items = hostsCalled("web1", "web2", "web3").map((host) => ({ host }));
  const titleOf = ({ name }: Host) => name;
  const fail = (errors: Record<string, Error>, only = items) =>
    together({ titleOf }, only, "could not be sent to", async ({ host }) => {
      if (errors[host.name]) throw errors[host.name] as Error;
      return host.name;
    }).catch((error: unknown) => error);

  test("goes to its end everywhere, and what failed is told together", async () => {
    expect(await fail({})).toEqual(["web1", "web2", "web3"]);
    expect(
      await fail({ web1: new BusyError("busy"), web3: new FailedError("web3: no room", { output: ["full\n"] }) }),
    ).toMatchObject({
      exit: 1,
      message: "web1, web3 could not be sent to",
      output: ["web1: busy", "web3: no room", "  full"],
    });
  });

  test("has the exit code of all that failed where it is one; an interruption is one wherever it came first", async () => {
    expect(await fail({ web1: new BusyError("a"), web2: new BusyError("b") })).toMatchObject({ exit: 75 });
    expect(await fail({ web1: new InterruptedError("a"), web2: new FailedError("b") })).toMatchObject({ exit: 130 });
  });

  test("one host's own words are the best, and a defect is no failure", async () => {
    const own = new BusyError("web1 is busy");
    expect(await fail({ web1: own }, items.slice(0, 1))).toBe(own);
    const defect = new TypeError("undefined is not a function");
    expect(await fail({ web1: own, web2: defect })).toBe(defect);
  });
});
