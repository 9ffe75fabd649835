import { expect, test } from "vitest";
import { UsageError } from "../../scripts/core/errors.ts";
import { parseWords, splitWords } from "../../scripts/service/words.ts";
import { accepted, environment, refused } from "./words.cases.ts";

test.each(accepted)("%j is %j", (text, words) => {
  expect(parseWords(text, environment)).toEqual(words);
});

test.each(refused)("%j is refused", (text, message) => {
  expect(() => splitWords(text, "services.api.run")).toThrow(message);
  expect(() => splitWords(text, "services.api.run")).toThrow(/^services\.api\.run: /);
  expect(() => splitWords(text)).toThrow(UsageError);
});

test("names every variable that is not set, once, and only its name", () => {
  expect(() => parseWords("a ${ONE} ${HOME} x${TWO} ${ONE}", environment)).toThrow(
    "run: ${ONE}, ${TWO} is not in the service's environment",
  );
});

test("%i is the instance, but not inside of a value", () => {
  expect(parseWords("a %i '%i'-x ${V}", { V: "%i" }, { instance: "m$&n" })).toEqual(["a", "m$&n", "m$&n-x", "%i"]);
});
