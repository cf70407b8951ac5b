import { access } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/**
 * The folder for a program that is fetched, in the cache of the project that `cwd` is in. Per platform:
 * a project may be shared with another machine, or with a container.
 */
export async function cacheFolder(name: string, cwd: string): Promise<string> {
  let project = resolve(cwd);
  for (let folder = project; ; folder = dirname(folder)) {
    if (await exists(join(folder, "package.json"))) {
      project = folder;
      break;
    }
    if (folder === dirname(folder)) break;
  }
  const modules = join(project, "node_modules");
  const caches = join((await exists(modules)) ? modules : project, ".cache");
  return join(caches, "etcd-discovery", `${name}-${process.platform}-${process.arch}`);
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
