import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./pages.ts";
import type { DocProgram } from "./programs.ts";

/** What programs may take for granted: the names, and their types. `harness.mjs` has their values. */
const given = `
import type { Discovery, Host, HostOptions, Registration } from "etcd-discovery";
declare global {
  const discovery: Discovery;
  const registration: Registration;
  const host: HostOptions;
  const database: { ping(options: { signal: AbortSignal }): Promise<void> };
  const call: (address: string) => Promise<string>;
  const ca: string;
}
`;

/** What a generator of code makes of a .proto file; its JavaScript is that of the example. */
const greeter = `
import type { Client, UntypedServiceImplementation, CallOptions, ServiceDefinition, handleUnaryCall, requestCallback } from "@grpc/grpc-js";
type Question = { name: string };
type Answer = { text: string };
export const GreeterService: ServiceDefinition<UntypedServiceImplementation & { hello: handleUnaryCall<Question, Answer> }>;
export class GreeterClient extends Client {
  hello(question: Question, options: CallOptions, done: requestCallback<Answer>): void;
}
`;

const compilerOptions = {
  target: "es2022",
  // With the disposal of resources; and without a browser.
  lib: ["es2022", "esnext.disposable"],
  module: "nodenext",
  types: ["node"],
  allowJs: true,
  checkJs: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  // JavaScript has no place for the types of parameters.
  noImplicitAny: false,
  rootDir: ".",
  outDir: "out",
};

export interface CompiledDocs extends Disposable {
  /** The folder of the programs that can be run, with `harness.mjs` among them. */
  readonly path: string;

  /** What the compiler has against them; empty: nothing. */
  readonly errors: string;
}

/**
 * Compiles all programs at once. In a folder of this package, so that its name leads to what is
 * published: the files that `exports` names, types and code.
 */
export function compileDocs(programs: readonly DocProgram[]): CompiledDocs {
  mkdirSync(join(root, ".cache"), { recursive: true });
  const folder = mkdtempSync(join(root, ".cache/docs-"));
  const out = join(folder, "out");
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  for (const { file, text } of programs) {
    // Each is a module, even if it needs nothing.
    write(file, /^(import|export) /m.test(text) ? text : `${text}\nexport {};\n`);
  }
  write("given.d.ts", given);
  write("gen/greeter.d.ts", greeter);
  write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["*.js", "*.ts"] }));
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { stdout, stderr } = spawnSync(process.execPath, [compiler, "-p", folder], {
    cwd: folder,
    encoding: "utf8",
  });
  mkdirSync(join(out, "gen"), { recursive: true });
  cpSync(join(root, "examples/grpc/greeter.js"), join(out, "gen/greeter.js"));
  cpSync(join(import.meta.dirname, "harness.mjs"), join(out, "harness.mjs"));
  return {
    path: out,
    errors: `${stdout}${stderr}`,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
