import { expect, test } from "vitest";
import { HEAD, headlinesOf, load } from "./manifests.ts";

const SERVICES = `services:
  api: {run: x, port: 8001, env: {CORS: "http://h:\${services.web.port}"}, health: {url: "http://h:\${services.api.port}/"}}
  web: {run: y, port: 3001, health: {tcp: "h:\${services.web.port}"}}
  job: {run: z}
`;

test("a port is filled in wherever it may stand", () => {
  const { manifest } =
    load(`${HEAD}${SERVICES}build: {f: {run: "echo \${services.api.port}", env: {API: "\${services.api.port}/\${services.web.port}"}}}
migrate: {run: m, env: {P: "\${services.api.port}"}}
health: {url: "http://h:\${services.web.port}/"}
smoke: [{url: "http://h:\${services.api.port}/"}]
`);
  expect(manifest.services["api"]?.env).toEqual({ CORS: "http://h:3001" });
  expect(manifest.services["api"]?.health?.url).toBe("http://h:8001/");
  expect(manifest.services["web"]?.health?.tcp).toBe("h:3001");
  expect(manifest.build["f"]?.env).toEqual({ API: "8001/3001" });
  expect(manifest.migrate?.env).toEqual({ P: "8001" });
  expect(manifest.health?.url).toBe("http://h:3001/");
  expect(manifest.smoke[0]?.url).toBe("http://h:8001/");
  // A line of shell is the shell's.
  expect(manifest.build["f"]?.run).toEqual(["echo ${services.api.port}"]);
});

test("the environment's port is the one filled in", () => {
  const { manifest } = load(`${HEAD}${SERVICES}environments: {dev: {services: {web: {port: 3000}}}}\n`, {
    environment: "dev",
  });
  expect(manifest.services["api"]?.env).toEqual({ CORS: "http://h:3000" });
});

test("what cannot be filled in is named at its place", () => {
  const text = `${HEAD}${SERVICES}smoke:
  - {url: "http://h:\${services.wbe.port}/\${services.job.port}"}
  - {url: "http://h:\${services.api.prt}/"}
`;
  expect(headlinesOf(text)).toEqual([
    'deploy.yaml:8:21: there is no service "wbe"',
    'deploy.yaml:8:42: the service "job" has no port',
    "deploy.yaml:9:21: wanted ${services.<name>.port}",
  ]);
});
