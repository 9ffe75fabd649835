import { UsageError } from "./errors.ts";

/** What a release id must match from start to end (SPEC section 1). */
export const RELEASE_ID = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/;

/** @throws UsageError for anything that is no release id. */
export function checkedId(id: string): string {
  if (RELEASE_ID.test(id)) return id;
  throw new UsageError(
    `${JSON.stringify(id)} is no release id: letters, digits and ._+- only, the first a letter or digit, 64 at most`,
    { next: "ops/release/list.ts" },
  );
}
