import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { DiscoveryError } from "../errors.ts";

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzipped: Buffer;

  /** Another one for other bytes, so that a browser need not fetch what it has. */
  readonly etag: string;
}

const files = [
  { path: "/", name: "index.html", type: "text/html; charset=utf-8" },
  { path: "/page.js", name: "page.js", type: "text/javascript; charset=utf-8" },
  { path: "/page.css", name: "page.css", type: "text/css; charset=utf-8" },
  { path: "/favicon.svg", name: "favicon.svg", type: "image/svg+xml" },
] as const;

/**
 * The files of the page by their paths in urls. These and no others are served, whatever a path says.
 * Rejects with `UNAVAILABLE` if the package was not built.
 */
export async function readPageFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const folder = pageFolder(import.meta.dirname);
  const entries = files.map(async ({ path, name, type }): Promise<[string, PageFile]> => {
    const body = await readFile(join(folder, name));
    const gzipped = await promisify(gzip)(body, { level: 9 });
    const hash = createHash("sha256").update(body).digest("base64url").slice(0, 22);
    return [path, { type, body, gzipped, etag: `"${hash}"` }];
  });
  return new Map(await Promise.all(entries));
}

/** Where the build has put the page: beside what it has made of this file, or, from the sources, in dist/. */
function pageFolder(from: string): string {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const candidate of [join(folder, "dist", "dashboard"), join(folder, "dashboard")]) {
      if (existsSync(join(candidate, "page.js"))) return candidate;
    }
    if (folder !== dirname(folder)) continue;
    throw new DiscoveryError(
      "UNAVAILABLE",
      "the page of the dashboard is not there: in a clone run `npm run build` first",
    );
  }
}
