import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { inject } from "vitest";
import { Discovery } from "../../src/index.ts";
import { type Program, startProgram } from "../support/program.ts";

export const folder: string = join(import.meta.dirname, "../../examples");

/** A prefix of its own on the etcd that all tests share. */
export interface ExampleStage extends AsyncDisposable {
  readonly prefix: string;
  readonly discovery: Discovery;

  /** Runs an example by its path in `examples/`, on loopback and a port that the system picks. */
  run(
    example: string,
    args?: readonly string[],
    env?: Readonly<Record<string, string | undefined>>,
  ): Program;
}

export function exampleStage(): ExampleStage {
  const prefix = `/examples-${randomUUID()}`;
  const etcd = { ETCD_HOSTS: inject("etcd"), ETCD_PREFIX: prefix };
  const here = { PORT: "0", ADDRESS: "127.0.0.1:0", PRIVATE_HOSTNAME: "127.0.0.1" };
  const discovery = new Discovery({ endpoints: [inject("etcd")], prefix });
  const programs: Program[] = [];
  return {
    ...{ prefix, discovery },
    run(example, args = [], env = {}) {
      const file = join(folder, example);
      const program = startProgram(process.execPath, [file, ...args], {
        env: { ...etcd, ...here, ...env },
      });
      programs.push(program);
      return program;
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs) await program[Symbol.asyncDispose]();
      await discovery.close();
    },
  };
}
