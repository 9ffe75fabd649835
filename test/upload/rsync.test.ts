import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { isAtLeast, readProgress, rsyncWords, runRsync, wireBytes } from "../../scripts/upload/rsync.ts";
import { madePlaces } from "../../scripts/upload/staged.ts";

describe("progress", () => {
  const all = { files: 5000, bytes: 78_000_000 };
  test.each([
    ["         20,000   0%    0.00kB/s    0:00:00  ", { bytes: 20_000, percent: 0 }, 0],
    ["     39,000,000  50%   14.88MB/s    0:00:02 (xfr#2, ir-chk=500/3000)", { bytes: 39_000_000, percent: 50 }, 50],
    ["     39,000,000  97%   14.88MB/s    0:00:02 (xfr#2, to-chk=5/5050)", { bytes: 39_000_000, percent: 99 }, 50],
    ["     78,004,400 100%   70.43MB/s    0:00:01 (xfr#5000, to-chk=0/5051)", { bytes: 78_004_400, percent: 100 }, 100],
  ])("%s", (line, sent, ofBytes) => {
    expect(readProgress(line, true, all)).toEqual(sent);
    expect(readProgress(line, false, all)).toEqual({ ...sent, percent: ofBytes });
  });

  test("of a list that is known as a whole", () => {
    const line = "     39,000,000  40%   14.88MB/s    0:00:02 (xfr#2, to-chk=25/100)";
    expect(readProgress(line, true)).toEqual({ bytes: 39_000_000, percent: 75 });
    expect(readProgress(line, false)).toEqual({ bytes: 39_000_000, percent: 40 });
  });

  test("anything else is none", () => {
    for (const line of ["", "sending incremental file list", "Total bytes sent: 203,428"])
      expect(readProgress(line, true, all)).toBeUndefined();
  });
});

test("bytes on the wire, both ways", () => {
  const stats =
    "Total file size: 78,004,400 bytes\nTotal bytes sent: 203,428\nTotal bytes received: 183\n\nsent 203,428 bytes";
  expect(wireBytes(stats)).toBe(203_611);
});

test.each([
  ["rsync  version 3.1.0  protocol version 31", true],
  ["rsync  version v3.4.1  protocol version 32", true],
  ["rsync  version 4.0.0  protocol version 33", true],
  ["rsync  version 3.0.9  protocol version 30", false],
  ["rsync  version 2.6.9  protocol version 29", false],
  ["openrsync: protocol version 29", false],
  ["", false],
])("%s is recent enough: %s", (line, isRecent) => expect(isAtLeast(line, 3, 1)).toBe(isRecent));

test("what a host has for itself is left out at its own place alone, whatever its name is", () => {
  const words = rsyncWords({
    rsh: "ssh",
    destination: "deploy@[::1]",
    from: "/s/v1",
    into: "/srv/it's/incoming/v1",
    like: ["/srv/it's/releases/v0"],
    without: [".env", "a[b]*?\\c", "back\\slash"],
    program: [],
  });
  const left = words.flatMap((word) => (word.startsWith("--exclude=") ? [word.slice(10)] : []));
  expect(left.slice(-3)).toEqual(["/.env", "/a\\[b]\\*\\?\\\\c", "/back\\slash"]);
  expect(left).toEqual(expect.arrayContaining(["/.building", "/RELEASE.json", "/RELEASE.env"]));
  expect(words.slice(-2)).toEqual(["/s/v1/", "deploy@[::1]:/srv/it's/incoming/v1/"]);
  expect(words).toContain("--copy-dest=/srv/it's/releases/v0");
});

test("what steps made is named by the outermost directory without anything that was committed", () => {
  const file = (place: string, isPristine = false, content = "00") => ({
    path: place,
    content,
    ...(isPristine ? { pristine: { size: 1, mtime: 1 } } : {}),
  });
  const files = [
    file("src/a", true),
    file("src/made/x"),
    file("src/made/deep/y"),
    file("src/touched"),
    file("dist/x"),
    file("dist/y/z"),
    file("made"),
    file("link", false, "-> src"),
  ];
  expect(madePlaces(files).toSorted()).toEqual(["dist", "made", "src/made", "src/touched"]);
  expect(madePlaces([])).toEqual([]);
});

test("one that somebody kills was ended by a signal, whatever the other side says of having been left", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rsync-"));
  const rsh = path.join(folder, "rsh");
  fs.writeFileSync(
    rsh,
    "#!/bin/sh\necho 'rsync error: error in rsync protocol data stream (code 12)' >&2\nkill -KILL $PPID\n",
    {
      mode: 0o755,
    },
  );
  const ended = await runRsync(["-e", rsh, `${folder}/`, "web1:/nowhere/"], new AbortController().signal, () => {});
  fs.rmSync(folder, { recursive: true });
  expect([ended.status, ended.stderr]).toEqual([null, expect.stringContaining("code 12")]);
});
