// Writes the API reports, api/*.api.md: all that users can import, entry by entry, as one can read
// it in a diff. With --check it writes nothing and fails where a report says something else.
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { apiEntries, apiTools, root } from "./api/tools.mjs";

const check = process.argv.includes("--check");
const reports = join(root, "api");
const fresh = join(root, ".cache/api");

/** Makes the report of one entry in `fresh`; what is wrong with it, line by line. */
function report({ Extractor, ExtractorConfig }, { name, declarations }) {
  const problems = [];
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(root, "package.json"),
    configObject: {
      projectFolder: root,
      mainEntryPointFilePath: declarations,
      newlineKind: "lf",
      compiler: {
        overrideTsconfig: {
          compilerOptions: {
            ...{ target: "es2022", lib: ["es2022"], module: "nodenext", types: ["node"] },
            ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: true },
          },
          files: [declarations],
        },
      },
      apiReport: {
        ...{ enabled: true, reportFileName: name },
        // What users can come to by way of others, without a name to import. Of integrations that is
        // what other entries export.
        includeForgottenExports: !declarations.includes("/integrations/"),
        ...{ reportFolder: fresh, reportTempFolder: fresh },
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      messages: {
        compilerMessageReporting: { default: { logLevel: "error" } },
        // Whether docstrings are sound is looked at by typedoc; releases have no stages here.
        extractorMessageReporting: { default: { logLevel: "none" } },
        tsdocMessageReporting: { default: { logLevel: "none" } },
      },
    },
  });
  Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = true;
      if (message.logLevel === "error") problems.push(`${name}: ${message.text}`);
    },
  });
  return problems;
}

/** What is different, as a diff. */
function difference(path) {
  const [ours, theirs] = [join(reports, path), join(fresh, path)];
  if (!existsSync(theirs)) return `api/${path} is of no entry of package.json`;
  if (!existsSync(ours)) return `api/${path} is missing`;
  if (readFileSync(ours, "utf8") === readFileSync(theirs, "utf8")) return "";
  try {
    const args = ["diff", "--no-index", "--unified=2", "--", `api/${path}`, `.cache/api/${path}`];
    execFileSync("git", args, { cwd: root, encoding: "utf8" });
    return "";
  } catch (error) {
    return error.stdout || error.message;
  }
}

const namesIn = (folder) =>
  existsSync(folder) ? readdirSync(folder).filter((path) => path.endsWith(".api.md")) : [];

const extractor = apiTools().require("@microsoft/api-extractor");
rmSync(fresh, { recursive: true, force: true });
mkdirSync(fresh, { recursive: true });
const problems = apiEntries().flatMap((entry) => report(extractor, entry));
const paths = [...new Set([...namesIn(reports), ...namesIn(fresh)])].toSorted((a, b) =>
  a.localeCompare(b),
);
const differences = paths.map(difference).filter((text) => text !== "");
if (problems.length > 0) {
  console.error(problems.join("\n"));
  process.exitCode = 1;
} else if (!check) {
  rmSync(reports, { recursive: true, force: true });
  mkdirSync(reports, { recursive: true });
  for (const path of namesIn(fresh)) cpSync(join(fresh, path), join(reports, path));
  console.log(`${namesIn(fresh).length} reports in api/, ${differences.length} of them changed`);
} else if (differences.length > 0) {
  console.error(differences.join("\n"));
  console.error("The API is not as api/*.api.md says. If that is meant: npm run api, and commit.");
  process.exitCode = 1;
} else console.log(`${paths.length} reports are as they should be`);
