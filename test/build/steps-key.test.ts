import { expect, test } from "vitest";
import { excludedBy } from "../../scripts/build/contents.ts";
import { above, outermost, overlaps } from "../../scripts/build/places.ts";
import { type KeyParts, stepKey } from "../../scripts/build/step-key.ts";

const PARTS: KeyParts = {
  step: { run: ["npm ci", "npm run build"], dir: "frontend", outputs: ["frontend/dist"], env: { A: "1", B: "2" } },
  contents: [
    ["frontend/src", "040000 tree 1"],
    ["frontend/dist", "absent"],
  ],
  exclude: ["node_modules"],
  linked: [["frontend/.env", "aa"]],
  tools: [["node>=20", "/usr/bin/node", "/opt/node/bin/node", "v20.1.0\n"]],
  sets: [["frontend", "0123456789abcdef"]],
  behind: [["tokens", "ff"]],
};

const withStep = (step: Partial<KeyParts["step"]>): Partial<KeyParts> => ({ step: { ...PARTS.step, ...step } });

const OTHERS: [what: string, parts: Partial<KeyParts>][] = [
  ["a line of run", withStep({ run: ["npm ci", "npm run build "] })],
  ["the same lines, cut otherwise", withStep({ run: ["npm ci\nnpm run build"] })],
  ["dir", withStep({ dir: "." })],
  ["outputs", withStep({ outputs: ["frontend/dist", "frontend/out"] })],
  ["a value of env", withStep({ env: { A: "1", B: "3" } })],
  ["a name of env", withStep({ env: { A: "1", C: "2" } })],
  ["values of env, swapped", withStep({ env: { A: "2", B: "1" } })],
  [
    "a tree",
    {
      contents: [
        ["frontend/src", "040000 tree 2"],
        ["frontend/dist", "absent"],
      ],
    },
  ],
  [
    "what is committed where the output goes",
    {
      contents: [
        ["frontend/src", "040000 tree 1"],
        ["frontend/dist", "040000 tree 1"],
      ],
    },
  ],
  [
    "a mode",
    {
      contents: [
        ["frontend/src", "040000 tree 1"],
        ["frontend/dist", "100755 blob 1"],
      ],
    },
  ],
  ["an input fewer", { contents: [["frontend/src", "040000 tree 1"]] }],
  ["what a release goes without", { exclude: [] }],
  ["a linked file", { linked: [["frontend/.env", "ab"]] }],
  ["a tool's version", { tools: [["node>=20", "/usr/bin/node", "/opt/node/bin/node", "v20.1.1\n"]] }],
  ["a tool's file", { tools: [["node>=20", "/usr/bin/node", "/opt/node21/bin/node", "v20.1.0\n"]] }],
  ["a dependency set", { sets: [["frontend", "0123456789abcdee"]] }],
  ["no dependency set", { sets: [] }],
  ["a step in front", { behind: [["tokens", "fe"]] }],
];

test.each(OTHERS)("%s is part of the key", (_, parts) => {
  expect(stepKey({ ...PARTS, ...parts })).not.toBe(stepKey(PARTS));
});

test("the key is a sha256, and no order of names is part of it", () => {
  const turned = { ...PARTS, contents: PARTS.contents.toReversed(), ...withStep({ env: { B: "2", A: "1" } }) };
  expect(stepKey(PARTS)).toMatch(/^[0-9a-f]{64}$/);
  expect(stepKey(turned)).toBe(stepKey(PARTS));
});

test("places that lie in each other", () => {
  expect(overlaps("frontend", "frontend/dist")).toBe(true);
  expect(overlaps("a/b", ".")).toBe(true);
  expect(overlaps("frontend", "frontend2")).toBe(false);
  expect(outermost(["a/b", "a", "ab", "a"])).toEqual(["a", "ab"]);
  expect(outermost(["a", "."])).toEqual(["."]);
  expect(above("a/b/c")).toEqual(["a", "a/b"]);
});

test("what tar leaves out of a working tree is left out of its key", () => {
  const isLeftOut = excludedBy(["node_modules", "*.log", "/dist/", "a/b?", "x[y]"]);
  const places = ["node_modules", "web/node_modules", "web/a.log", "dist", "a/bc", ".git", "sub/.git"];
  expect(places.filter((place) => !isLeftOut(place))).toEqual([]);
  expect(["web/dist", "a/b", "c/a/bc", "xy", "x[y]", "nodeXmodules", "logs"].filter(isLeftOut)).toEqual([]);
});
