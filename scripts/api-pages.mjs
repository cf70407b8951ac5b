// Makes the pages of the API, as HTML in .cache/api-pages, from the doc comments of all that users can
// import. A warning is an error: a link that leads nowhere, a type that has no page.
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { apiEntries, apiTools, root } from "./api/tools.mjs";

const cache = join(root, ".cache");
const out = join(cache, "api-pages");
const options = {
  name: "etcd-discovery",
  entryPoints: apiEntries().map(({ source }) => source),
  tsconfig: join(root, "tsconfig.build.json"),
  // For declarations that are emitted, which these are not; and TypeScript 6 refuses more than 7 does.
  compilerOptions: { isolatedDeclarations: false },
  readme: "none",
  out,
  excludeInternal: true,
  excludePrivate: true,
  githubPages: false,
  disableSources: true,
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
  validation: { invalidLink: true, invalidPath: true, notExported: true, notDocumented: false },
};

const { typedoc } = apiTools();
mkdirSync(cache, { recursive: true });
const file = join(cache, "typedoc.json");
writeFileSync(file, JSON.stringify(options));
const { status } = spawnSync(process.execPath, [typedoc, "--options", file], {
  ...{ cwd: root, stdio: ["ignore", "inherit", "inherit"] },
});
if (status === 0) console.log(`pages in ${relative(root, out)}/index.html`);
else process.exitCode = 1;
