import { randomBytes } from "node:crypto";
import { open, readFile, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { quote } from "../../model/refuse.ts";
import { UsageError } from "../usage-error.ts";

/**
 * A file for a secret, of mode 0600, that never holds half of it: what was there before stays until the
 * secret is {@link accept}ed, and what is written is on the disk before that.
 */
export class SecretFile {
  /** Where the file is to be. */
  readonly path: string;
  readonly #staging: string;
  readonly #replaces: boolean;
  #accepted = false;

  /** What was in the file before. */
  #before: Buffer | undefined;

  private constructor(path: string, replaces: boolean) {
    this.path = path;
    this.#replaces = replaces;
    this.#staging = join(dirname(path), `.etcd-discovery-${randomBytes(8).toString("hex")}`);
  }

  /** Makes sure that the file can be written. Throws a `UsageError`, also if there is one already, unless it may be replaced. */
  static async claim(path: string, replace: boolean): Promise<SecretFile> {
    try {
      if (replace && (await isThere(path))) return new SecretFile(await realpath(path), true);
      // Empty as yet, and ours.
      await (await open(path, "wx", 0o600)).close();
      return new SecretFile(path, false);
    } catch (error) {
      throw refused(path, error);
    }
  }

  /** Where the secret lies. */
  get place(): string {
    return this.#replaces && !this.#accepted ? this.#staging : this.path;
  }

  /** Puts the secret on the disk; again, in the place of what was written before. Throws a `UsageError` if it cannot. */
  async write(secret: string): Promise<void> {
    try {
      await this.#stage(secret);
      if (!this.#replaces) await rename(this.#staging, this.path);
    } catch (error) {
      await rm(this.#staging, { force: true }).catch(() => {});
      throw refused(this.path, error);
    }
  }

  /** The secret is in force: the file has it from now on. */
  async accept(): Promise<void> {
    if (this.#replaces) {
      this.#before = await readFile(this.path).catch(() => undefined);
      await rename(this.#staging, this.path);
    }
    this.#accepted = true;
  }

  /** The secret is worth nothing: what was there before is there, or nothing. Never rejects. */
  async discard(): Promise<void> {
    try {
      if (this.#before === undefined) {
        await rm(this.place, { force: true });
      } else {
        await this.#stage(this.#before);
        await rename(this.#staging, this.path);
      }
    } catch {
      // It is worth nothing where it lies, too.
    }
  }

  async #stage(secret: string | Buffer): Promise<void> {
    await rm(this.#staging, { force: true });
    const file = await open(this.#staging, "wx", 0o600);
    try {
      await file.writeFile(secret);
      await file.sync();
    } finally {
      await file.close();
    }
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    if ((await stat(path)).isFile()) return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  throw new UsageError(`--output ${quote(path)} is no file`);
}

function refused(path: string, error: unknown): unknown {
  if (error instanceof UsageError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "EEXIST") {
    return new UsageError(`--output ${quote(path)} is there already; --force replaces it`);
  }
  return new UsageError(`--output ${quote(path)} cannot be written (${code ?? String(error)})`);
}
