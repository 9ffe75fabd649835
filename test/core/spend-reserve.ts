/** `spend-reserve.ts TREE`: keeps a reserve, fills the disk, spends the reserve, writes a record; says where the reserve was there. */
import fs from "node:fs";
import path from "node:path";
import { treePaths } from "../../scripts/core/paths.ts";
import { keepReserve, spendReserve } from "../../scripts/core/reserve.ts";

const paths = treePaths(process.argv[2] ?? "");
const isKept = () => fs.existsSync(path.join(paths.logs, ".reserve"));
const said: boolean[] = [];
fs.mkdirSync(paths.logs);
keepReserve(paths);
said.push(isKept());
spendReserve(paths);
said.push(isKept());
const fd = fs.openSync(path.join(paths.deployTo, "fill"), "w");
try {
  for (;;) fs.writeSync(fd, Buffer.alloc(4096, 1));
} catch {
  fs.closeSync(fd);
}
spendReserve(paths);
said.push(isKept());
fs.writeFileSync(path.join(paths.deployTo, "record"), Buffer.alloc(500_000, 1));
keepReserve(paths);
said.push(isKept());
fs.writeSync(1, JSON.stringify(said));
