import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { type CompiledDocs, compileDocs } from "./compile.ts";
import { docPrograms } from "./programs.ts";
import { inPlaces, isInOrder, runProgram } from "./run-program.ts";
import { openWorld, type World } from "./world.ts";

// Every block of JavaScript on the pages for users: compiled, and run on a real etcd.

const programs = docPrograms();
let compiled: CompiledDocs;
let world: World;

beforeAll(async () => {
  compiled = compileDocs(programs);
  world = await openWorld(inject("etcd"));
});
afterAll(async () => {
  compiled?.[Symbol.dispose]();
  await world?.[Symbol.asyncDispose]();
});

test("there are some, and the compiler has nothing against them", () => {
  expect(programs.length).toBeGreaterThan(20);
  expect(compiled.errors).toBe("");
});

describe.concurrent("runs", () => {
  // Those on an etcd with certificates and users are run by secure.test.ts.
  for (const program of programs.filter(({ secure }) => !secure)) {
    test(program.name, { timeout: 60_000 }, async (context) => {
      if (program.notRun !== undefined) {
        console.log(`skipped: ${program.name}: compiled, but not run: ${program.notRun}`);
        return context.skip(program.notRun);
      }
      const file = program.file.replace(/\.ts$/, ".js");
      const source = readFileSync(join(compiled.path, file), "utf8");
      await using settlement = await world.settle(source);
      const { output } = await runProgram(
        compiled.path,
        { ...program, file, text: inPlaces(source, { "http://127.0.0.1:2379": inject("etcd") }) },
        {
          ETCD_HOSTS: inject("etcd"),
          ETCD_PREFIX: settlement.prefix,
          HTTP_PORT: String(world.httpPort),
          PORT: "0",
          SERVICE_PASSWORD: "of the tests",
          // A proxy that nobody gets through, and the way around it.
          ...{ grpc_proxy: "http://127.0.0.1:1", no_grpc_proxy: "greeter" },
        },
      );
      expect(isInOrder(output, program.prints)).toBe(true);
    });
  }
});
