import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import {
  launchctlLine,
  launchctlWords,
  loadLine,
  parsePrint,
  rootOrders,
  unloadLine,
} from "../../scripts/launchd/launchctl.ts";
import type { Target } from "../../scripts/launchd/names.ts";

const agent: Target = { label: "shop.web", domain: "gui/501", path: "/Users/anna/Library/LaunchAgents/shop.web.plist" };
const daemon: Target = { label: "shop.api", domain: "system", path: "/Library/LaunchDaemons/shop.api.plist" };

describe("command lines", () => {
  test("are launchctl's modern verbs", () => {
    expect(Object.values(launchctlWords).map((words) => words(agent).join(" "))).toEqual([
      "launchctl print gui/501/shop.web",
      "launchctl bootstrap gui/501 /Users/anna/Library/LaunchAgents/shop.web.plist",
      "launchctl bootout gui/501/shop.web",
      "launchctl kickstart gui/501/shop.web",
      "launchctl kickstart -k gui/501/shop.web",
      "launchctl kill SIGTERM gui/501/shop.web",
      "launchctl enable gui/501/shop.web",
    ]);
  });

  test("go through sudo where only root may give them, each as one that sudoers can name", () => {
    expect(launchctlLine(launchctlWords.bootout(daemon), daemon, false)).toBe(
      "sudo -n launchctl bootout system/shop.api",
    );
    expect(launchctlLine(launchctlWords.bootout(daemon), daemon, true)).toBe("launchctl bootout system/shop.api");
    expect(launchctlLine(launchctlWords.bootout(agent), agent, false)).toBe("launchctl bootout gui/501/shop.web");
    const given = [loadLine(daemon, false), unloadLine(daemon, 20, false)].flatMap((line) =>
      [...line.matchAll(/sudo -n (launchctl [^;|]+?) ?[;|]/g)].map((found) => found[1]),
    );
    expect(given).toHaveLength(2);
    for (const line of given) expect(rootOrders(daemon).map((words) => words.join(" "))).toContain(line);
  });

  test.each(["sh", "bash"])("that wait are shell for %s", (shell) => {
    for (const line of [loadLine(daemon, false), unloadLine(agent, 20)])
      expect(spawnSync(shell, ["-n"], { input: line, encoding: "utf8" }).stderr).toBe("");
  });
});

const RUNNING = `gui/501/shop.web = {
	active count = 1
	path = /Users/anna/Library/LaunchAgents/shop.web.plist
	type = LaunchAgent
	state = running

	program = /srv/shop/ops/service/launch.ts
	arguments = {
		/srv/shop/ops/service/launch.ts
		pid = 1
		--
	}

	working directory = /srv/shop

	inherited environment = {
		SSH_AUTH_SOCK => /private/tmp/com.apple.launchd.x/Listeners
	}

	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	environment = {
		PATH => /opt/homebrew/bin:/usr/bin
		GREETING => a => b
		SWITCHBACK_PLIST => 0123456789abcdef
		XPC_SERVICE_NAME => shop.web
	}

	domain = gui/501 [100021]
	minimum runtime = 1
	exit timeout = 10
	runs = 3
	pid = 4711
	immediate reason = ipc (mach)
	last exit code = 78: EX_CONFIG

	endpoints = {
		"shop.web" = {
			state = active
			pid = 2
		}
	}

	spawn type = interactive (4)
	job state = running

	properties = keepalive | runatload
}
`;

describe("what launchctl print tells", () => {
  test("of a job that runs: its own keys, and not those of what is nested", () => {
    expect(parsePrint(RUNNING)).toEqual({
      state: "running",
      pid: 4711,
      runs: 3,
      lastExitCode: 78,
      environment: {
        PATH: "/opt/homebrew/bin:/usr/bin",
        GREETING: "a => b",
        SWITCHBACK_PLIST: "0123456789abcdef",
        XPC_SERVICE_NAME: "shop.web",
      },
    });
  });

  test("of one that never ran, in spaces as some versions indent", () => {
    const text =
      "gui/501/x = {\n    active count = 0\n    state = spawn scheduled\n    environment = {\n        A => 1\n    }\n    runs = 0\n    last exit code = (never exited)\n}\n";
    expect(parsePrint(text)).toEqual({ state: "spawn scheduled", runs: 0, environment: { A: "1" } });
  });

  test("of one that a signal ended, and of nothing at all", () => {
    expect(parsePrint("x = {\n\tstate = SIGTERMed\n\tlast exit code = -15\n}")).toEqual({
      state: "SIGTERMed",
      lastExitCode: -15,
      environment: {},
    });
    expect(parsePrint("")).toEqual({ environment: {} });
  });
});
