import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A folder of a test's own; removed when it is disposed of. */
export interface TemporaryFolder extends AsyncDisposable {
  readonly path: string;

  /** Writes a shell script that can be run, and returns its path. */
  script(name: string, body: string): Promise<string>;
}

export async function temporaryFolder(): Promise<TemporaryFolder> {
  const path = await mkdtemp(join(tmpdir(), "test-"));
  return {
    path,
    async script(name, body) {
      const file = join(path, name);
      await mkdir(dirname(file), { recursive: true });
      // Its own PATH, as the one it is run under may be the subject of the test.
      await writeFile(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`, { mode: 0o755 });
      return file;
    },
    async [Symbol.asyncDispose]() {
      await rm(path, { recursive: true, force: true });
    },
  };
}
