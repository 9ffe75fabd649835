import { exitOf } from "../core/apply.ts";
import { writeOut } from "../terminal/output.ts";
import { seconds } from "../terminal/durations.ts";
import { reporter, setReporter } from "../terminal/reporter.ts";
import { quote } from "../core/step.ts";
import { holdSignals, opsPath, refuseStopped, run, stopServices } from "./commands.ts";
import { change, commit, makeRemovable, makeStage, removeOldStages, type Stage } from "./stage.ts";
import { visit } from "./visit.ts";

const since = performance.now();
const say = (line: string) => reporter().say(line);

let number = 0;

async function scene(title: string, play: () => Promise<void>): Promise<void> {
  refuseStopped();
  say(reporter().paint("bold", `\n── ${++number} of ${scenes.length}: ${title}`));
  await play();
}

type Scene = [title: string, play: (stage: Stage) => Promise<void>];

const scenes: Scene[] = [
  [
    "prepare the tree: releases/, shared/, and a copy of switchback",
    (stage) => run(stage, 0, "release/prepare_shared"),
  ],
  [
    "the first release",
    async (stage) => {
      await run(stage, 0, "release/deploy", "v1");
      await visit(stage, "v1");
      await visit(stage, "v1");
    },
  ],
  [
    "the second release: another greeting, the same data",
    async (stage) => {
      change(stage, "settings.json", "Hello", "Welcome back");
      commit(stage, "v2", "Greet more warmly");
      await run(stage, 0, "release/deploy", "v2");
      await visit(stage, "v2");
    },
  ],
  [
    "the third release has a mistake: its gate fails, and what served before is brought back",
    async (stage) => {
      change(stage, "settings.json", "data/visits.db", "date/visits.db");
      commit(stage, "v3", "Tidy the settings");
      await run(stage, 3, "release/deploy", "v3");
      say("Exit code 3: v3 was rolled back by itself, and v2 serves again.");
      await visit(stage, "v2");
    },
  ],
  [
    "a rollback by hand",
    async (stage) => {
      await run(stage, 0, "release/rollback");
      await visit(stage, "v1");
    },
  ],
  [
    "the mistake is mended: forward again",
    async (stage) => {
      change(stage, "settings.json", "date/visits.db", "data/visits.db");
      commit(stage, "v4", "Mend the path of the database");
      await run(stage, 0, "release/deploy", "v4");
      await visit(stage, "v4");
    },
  ],
  [
    "prune: keep two good releases",
    async (stage) => {
      await run(stage, 0, "release/prune", "--keep", "2");
      await visit(stage, "v4");
    },
  ],
  [
    "what happened to each release, and what ran when",
    async (stage) => {
      await run(stage, 0, "release/list", "--all");
      await run(stage, 0, "release/list", "--timeline");
    },
  ],
];

async function perform(): Promise<Stage> {
  const removed = removeOldStages();
  const stage = await makeStage();
  try {
    say(`An application with its own git repository:  ${stage.appPath}`);
    say(`Its releases, its data and its log:          ${stage.treePath}`);
    say(`The commands are those of                    ${opsPath}`);
    if (removed.length > 0) say(`Removed what an earlier demo left:           ${removed.join(", ")}`);
    commit(stage, "v1", "Count the visits");
    for (const [title, act] of scenes) await scene(title, () => act(stage));
  } finally {
    say("");
    makeRemovable(stage.rootPath);
    await stopServices(stage);
  }
  return stage;
}

function sayFarewell({ appPath, treePath, rootPath }: Stage): void {
  const command = (name: string, ...words: string[]) =>
    `  ${[quote(`${treePath}/ops/${name}.ts`), ...words].join(" ")}`;
  say(`\nDone in ${seconds(performance.now() - since)}. Nothing runs any more; everything is left for you to look at:`);
  say(
    [`  ls -l ${quote(treePath)} ${quote(`${treePath}/releases`)}`, `  cat ${quote(`${appPath}/deploy.yaml`)}`].join(
      "\n",
    ),
  );
  say([command("service/start"), command("release/rollback"), command("service/stop")].join("\n"));
  say(`To remove it (the next demo does that too):\n  rm -rf ${quote(rootPath)}`);
}

setReporter({}, process.env);
holdSignals();
try {
  sayFarewell(await perform());
} catch (error) {
  writeOut(2, `${reporter().paint("red", "The demo did not succeed:")} ${(error as Error).message}\n`);
  process.exitCode = exitOf(error);
}
