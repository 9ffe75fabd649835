import { STATUS_CODES } from "node:http";

/** RFC 9457. `about:blank`: the status says what kind of problem it is. */
export interface Problem {
  type: "about:blank";
  title: string;
  status: number;
  detail: string;
  /** Which parameters were wrong, and how. */
  errors?: { parameter: string; message: string }[];
}

export const PROBLEM_TYPE = "application/problem+json";

/** A problem as its answer's body. */
export const problem = (status: number, detail: string, errors?: Problem["errors"]): Problem => ({
  type: "about:blank",
  title: STATUS_CODES[status] ?? "Unknown Error",
  status,
  detail,
  ...(errors ? { errors } : {}),
});

/** An answer that is a problem. */
export const problemResponse = (
  status: number,
  detail: string,
  { errors, headers = {} }: { errors?: Problem["errors"]; headers?: Record<string, string> } = {},
): Response =>
  new Response(JSON.stringify(problem(status, detail, errors)), {
    status,
    headers: { "content-type": PROBLEM_TYPE, "cache-control": "no-store", ...headers },
  });

/** What every answer carries, unless its route has set its own. */
export const SAFE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};
