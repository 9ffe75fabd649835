import { EXIT, type ExitCode } from "../core/errors.ts";
import { followLines, type LogFile } from "./logs.ts";

/** Prints what is written to the files until a signal comes (exit 130), or until nobody reads it any more (exit 0). */
export function followLogs(files: LogFile[]): Promise<ExitCode> {
  return new Promise((resolve) => {
    const stops = files.map((file) => followLines(file, (text) => void process.stdout.write(text)));
    const end = (code: ExitCode) => {
      stops.forEach((stop) => stop());
      resolve(code);
    };
    process.on("SIGINT", () => end(EXIT.interrupted)).on("SIGTERM", () => end(EXIT.interrupted));
    process.stdout.on("error", () => end(EXIT.done));
  });
}
