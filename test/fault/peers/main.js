// @ts-check
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { run, scenarios } from "./scenarios.js";

const only = process.argv[2];

if (only !== undefined && process.env["PEER_SCENARIO"] === "1") {
  console.log(JSON.stringify(await run(only)));
  // It may go on trying for ever.
  process.exit();
}

/** Each in a process of its own, as some of what happens would end it. */
const names = Object.keys(scenarios).filter((name) => only === undefined || name.includes(only));
console.log(
  "| what happens | registration of the npm package etcd3 | its watcher | would end the process |",
);
console.log("| --- | --- | --- | --- |");
for (const name of names) {
  const { registration = "", watch = "", crashes } = await outcome(name);
  console.log(`| ${name} | ${registration} | ${watch} | ${crashes.join("; ")} |`);
}

/**
 * @param {string} name
 * @returns {Promise<{ registration?: string, watch?: string, crashes: string[] }>}
 */
async function outcome(name) {
  const script = fileURLToPath(import.meta.url);
  const env = { ...process.env, PEER_SCENARIO: "1" };
  const { stdout } = await promisify(execFile)(process.execPath, [script, name], { env });
  return JSON.parse(stdout);
}
