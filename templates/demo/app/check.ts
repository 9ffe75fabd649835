// A build step is any command. This one lets a settings.json that is no JSON fail here, where nothing serves it yet.
import { readFileSync } from "node:fs";

JSON.parse(readFileSync("settings.json", "utf8"));
