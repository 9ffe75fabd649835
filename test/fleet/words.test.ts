import { describe, expect, test } from "vitest";
import { inTurn, renderTurns } from "../../scripts/fleet/change.ts";
import { chosenHosts, titlesOf } from "../../scripts/fleet/chosen.ts";
import { kindOf } from "../../scripts/fleet/kinds.ts";
import { Prefixed, prefixOf } from "../../scripts/fleet/prefix.ts";
import { differenceOf, type HostStatus, renderSummary } from "../../scripts/fleet/status.ts";
import { apart, type Having, sharedTarget } from "../../scripts/fleet/switch.ts";
import { type, typedHere } from "../../scripts/fleet/typed.ts";
import { renderUploads } from "../../scripts/fleet/uploading.ts";
import { only, readTyped, without } from "../../scripts/fleet/words.ts";
import type { LoadedManifest } from "../../scripts/manifest/loaded.ts";
import type { ReleaseStatus } from "../../scripts/release/status.ts";
import { hostsCalled, recorder } from "./recorder.ts";

describe("what was typed", () => {
  test.each([
    ["r1 --env prod", ["r1"], ["r1"]],
    ["--env=prod --manifest x.yaml r1 --on web1", ["r1"], ["r1"]],
    ["--id --env r1", ["r1"], ["--id", "--env", "r1"]],
    ["web -n 5 -f --env prod", ["web"], ["web", "-n", "5", "-f"]],
    ["get --release-id r1 --json", ["get"], ["get", "--release-id", "r1", "--json"]],
    ["--env prod -- --on web1", ["--on", "web1"], ["--", "--on", "web1"]],
  ])("%s", (line, bare, passed) => expect(readTyped(line.split(" "))).toEqual({ bare, passed }));

  test("options are taken out, or picked, but not behind --", () => {
    expect(without(["--json", "a", "--", "--json"], "--json")).toEqual(["a", "--", "--json"]);
    expect(only(["r1", "--yes", "--json"], "--yes", "--keep-data")).toEqual(["--yes"]);
  });
});

describe("what becomes of a command", () => {
  test.each([
    ["release/deploy", [], "deploy"],
    ["release/rollback", [], "switch"],
    ["release/list", [], "look"],
    ["release/prune", [], "change"],
    ["nginx/install_nginx", [], "change"],
    ["data/restore", ["x"], "changeOne"],
    ["release/release-registry", ["list"], "look"],
    ["release/release-registry", ["upsert"], "change"],
    ["release/release-registry", ["serve"], "attach"],
  ])("%s %j: %s", (name, bare, kind) => expect(kindOf(name, bare)).toBe(kind));

  test("a dry run only looks, also at what is one host's own; what is sent is planned here", () => {
    expect(kindOf("data/restore", [], { isDry: true })).toBe("look");
    expect(kindOf("release/rollback", [], { isDry: true })).toBe("look");
    expect(kindOf("release/deploy", [], { isDry: true })).toBe("deploy");
  });
});

describe("hosts", () => {
  const hosts = hostsCalled("deploy@web1:2222", "web2", "db@web2");

  test("--on names them as the manifest does, or by name alone", () => {
    expect(chosenHosts(hosts, undefined)).toEqual(hosts);
    expect(chosenHosts(hosts, ["web1"])).toEqual([hosts[0]]);
    expect(chosenHosts(hosts, ["db@web2", "web1"])).toEqual([hosts[0], hosts[2]]);
    expect(() => chosenHosts(hosts, ["web1", "web22"])).toThrow(
      "web22 is none of the environment's hosts: deploy@web1:2222, web2, db@web2; did you mean web2?",
    );
  });

  test("are called by their names where those tell them apart", () => {
    expect([...titlesOf(hosts.slice(0, 2)).values()]).toEqual(["web1", "web2"]);
    expect([...titlesOf(hosts).values()]).toEqual(["deploy@web1:2222", "web2", "db@web2"]);
  });
});

test("lines of several hosts stand behind their names, and never mix", () => {
  let text = "";
  const write = (more: string) => void (text += more);
  const [one, other] = ["a", "bcd"].map((title) => new Prefixed(prefixOf(title, ["a", "bcd"]), write));
  one?.add("first ha");
  other?.add("10 %\r20 %\r\nnext\nend");
  one?.add("lf\n\n");
  other?.end();
  one?.end();
  expect(text).toBe("bcd | 20 %\nbcd | next\na   | first half\na   | \nbcd | end\n");
});

const loaded = {
  filePath: "/a b/deploy.yaml",
  environment: "prod",
  hosts: hostsCalled("web1", "web2"),
} as LoadedManifest;
const ops = (name: string) => type(loaded, name, []).split(" ")[0];

test("what a host says to type is said as it is typed here", () => {
  const [web1] = loaded.hosts as [(typeof loaded.hosts)[0]];
  const here = (line: string) => typedHere(loaded, web1, line);
  const aim = "--manifest '/a b/deploy.yaml' --env prod --on web1";
  const there = "/srv/shop/suite/0.1.0/ops/release/rollback.ts --manifest /srv/shop/run/sent/1.yaml --env prod";
  expect(here(`${there} r1 --keep-data`)).toBe(`${ops("release/rollback")} ${aim} r1 --keep-data`);
  expect(here("ops/release/list.ts")).toBe(`${ops("release/list")} ${aim}`);
  expect(here("/srv/shop/ops/data/restore.ts 'x y' --yes")).toBe(`${ops("data/restore")} ${aim} 'x y' --yes`);
  expect(here("ls -l '/srv/shop'")).toBe("ls -l '/srv/shop'   # on web1");
});

describe("a rollback without an id", () => {
  const having = (...ids: [current: string, target: string | undefined][]): Having[] =>
    ids.map(([currentId, rollbackTarget], i) => ({
      host: { name: `web${i + 1}`, destination: "" },
      currentId,
      rollbackTarget,
      isServing: true,
    }));
  const title = ({ name }: { name: string }) => name;

  test("goes where every host would go", () =>
    expect(sharedTarget(having(["r2", "r1"], ["r2", "r1"]), title, String)).toBe("r1"));

  test("is refused where they would go apart, with each host's own", () =>
    expect(() =>
      sharedTarget(having(["r2", "r1"], ["r1", "r0"], ["r3", undefined]), title, (id) => `rollback ${id}`),
    ).toThrow(
      expect.objectContaining({
        exit: 2,
        output: ["web1 r2 → r1", "web2 r1 → r0", "web3 r3 → nowhere: no earlier good release"],
        next: ["rollback r1", "rollback r0"],
      }),
    ));

  test("is refused where there is nowhere to go", () =>
    expect(() => sharedTarget(having(["r1", undefined]), title, String)).toThrow("no earlier good release"));

  test("leaves hosts alone that have the release and serve it", () => {
    const all = having(["r1", undefined], ["r2", "r1"]);
    expect(apart(all, "r1").had.map(({ host }) => host.name)).toEqual(["web1"]);
    expect(
      apart(
        all.map((one) => ({ ...one, isServing: false })),
        "r1",
      ).had,
    ).toEqual([]);
  });
});

describe("status of several hosts", () => {
  const now = new Date("2026-11-20T12:00:00Z");
  const status = (id: string, is_serving: boolean) =>
    ({
      is_serving,
      current: { release_id: id, since: "2026-11-20T11:00:00Z" },
      open_operations: [],
    }) as unknown as ReleaseStatus;
  const found: HostStatus[] = [
    { title: "web1", status: status("r2", true) },
    { title: "web2", status: status("r1", false) },
    { title: "web3" },
  ];

  test("ends with one line for each", () =>
    expect(renderSummary(found, now)).toEqual(
      [
        "HOST  CURRENT  SINCE (UTC)               STATE",
        "web1  r2       2026-11-20 11:00 (1 h ago)  serves",
        "web2  r1       2026-11-20 11:00 (1 h ago)  does not serve as it should",
        "web3  ?        -                           did not answer",
      ].map((line, at) => (at === 0 ? "HOST  CURRENT  SINCE (UTC)                 STATE" : line)),
    ));

  test("says that they differ", () => {
    expect(differenceOf(found)).toBe("the hosts do not have the same release: web1 has r2; web2 has r1");
    expect(differenceOf(found.slice(1))).toBeUndefined();
  });
});

describe("a change on several hosts", () => {
  const hosts = hostsCalled("web1", "web2", "web3");
  const turn = { command: "service/restart", words: ["web"] };

  test("goes from host to host, and stops at the first failure", async () => {
    const fleet = recorder({ "web2: service/restart web": 75 });
    const { endings, exit } = await inTurn(fleet, hosts, turn);
    expect(fleet.given).toEqual(["web1: service/restart web", "web2: service/restart web"]);
    expect(exit).toBe(75);
    expect(renderTurns(hosts, endings, ({ name }) => name)).toBe("done on web1; failed on web2; not begun on web3");
  });

  test("all done needs no word; Ctrl-C stops it: 130", async () => {
    const { endings } = await inTurn(recorder({}), hosts, turn);
    expect(renderTurns(hosts, endings, ({ name }) => name)).toBeUndefined();
    expect((await inTurn(recorder({}, 1), hosts, turn)).exit).toBe(130);
  });

  test("a host that goes on by itself is told: 4", async () => {
    const { endings, exit } = await inTurn(recorder({ "web1: service/restart web": "lost" }), hosts, turn);
    expect(exit).toBe(4);
    expect(renderTurns(hosts, endings, ({ name }) => name)).toBe(
      "going on without us on web1; not begun on web2, web3",
    );
  });
});

test("an upload to several hosts is one line", () =>
  expect(
    renderUploads(
      [
        { title: "web1", isDone: true },
        { title: "web2", isDone: false, sent: { bytes: 1_200_000, percent: 34.5 } },
        { title: "web3", isDone: false },
      ],
      12_000,
    ),
  ).toBe("Upload: web1 done, web2 34 % (1.2 MB), web3 begins (12 s)"));
