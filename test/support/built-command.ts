import { existsSync } from "node:fs";
import { join } from "node:path";

const path = join(import.meta.dirname, "../../dist/cli/main.js");

/** The built program of the command `etcd-discovery`; undefined while there is none. */
export const builtCommand: string | undefined = existsSync(path) ? path : undefined;

export const noCommand = "the command is not built: there is no dist/cli/main.js";
