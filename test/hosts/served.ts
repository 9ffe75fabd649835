import { setTimeout as sleep } from "node:timers/promises";

/** What a URL answers to a visitor: `200 text`, or why nothing does. Each visit has a connection of its own. */
export async function visit(url: string): Promise<string> {
  try {
    const answer = await fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(5_000) });
    return `${answer.status} ${await answer.text()}`;
  } catch (error) {
    return String(error);
  }
}

/** Waits until ten answers in a row are as wanted: after a reload of nginx its old workers answer for some 40 ms more. */
export async function untilServed(url: string, wanted: RegExp, milliseconds = 10_000): Promise<string> {
  let inARow = 0;
  for (const end = performance.now() + milliseconds; ; await sleep(10)) {
    const answer = await visit(url);
    inARow = wanted.test(answer) ? inARow + 1 : 0;
    if (inARow === 10) return answer;
    if (performance.now() > end) throw new Error(`${url} does not answer ${wanted.source}, but ${answer}`);
  }
}
