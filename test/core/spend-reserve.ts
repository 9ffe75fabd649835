/** `spend-reserve.ts TREE`: keeps a reserve, fills the disk, spends the reserve, writes a record; says how many files of the reserve were there. */
import fs from "node:fs";
import path from "node:path";
import { treePaths } from "../../scripts/core/paths.ts";
import { keepReserve, spendReserve } from "../../scripts/core/reserve.ts";

const paths = treePaths(process.argv[2] ?? "");
const place = path.join(paths.logs, ".reserve");
const kept = () => (fs.existsSync(place) ? fs.readdirSync(place).length : 0);
const said: number[] = [];
fs.mkdirSync(paths.logs);
keepReserve(paths);
said.push(kept());
spendReserve(paths);
said.push(kept());
const fd = fs.openSync(path.join(paths.deployTo, "fill"), "w");
try {
  for (;;) fs.writeSync(fd, Buffer.alloc(4096, 1));
} catch {
  fs.closeSync(fd);
}
spendReserve(paths);
said.push(kept());
fs.writeFileSync(path.join(paths.deployTo, "record"), Buffer.alloc(500_000, 1));
keepReserve(paths);
said.push(kept());
fs.writeSync(1, JSON.stringify(said));
