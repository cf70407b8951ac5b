import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = dirname(dirname(import.meta.dirname));

/** A layer rule that nobody has seen to fire may not be one: each line is a violation. */
const violations: readonly [file: string, source: string, message: RegExp][] = [
  ["src/model/host.ts", `export * from "../store/store.ts";`, /model\//],
  ["src/model/url.ts", `import { readFile } from "node:fs/promises";`, /model\//],
  ["src/model/keys.ts", `import { query } from "../find/query.ts";`, /model\//],
  ["src/model/lazy.ts", `export const lazy: unknown = import("../register/entry.ts");`, /model\//],
  ["src/async/clock.ts", `import { connect } from "node:net";`, /async\//],
  ["src/async/abort.ts", `import { Host } from "../model/host.ts";`, /async\//],
  ["src/errors.ts", `import { Host } from "./model/host.ts";`, /below everything/],
  ["src/store/store.ts", `import type { Host } from "../model/host.ts";`, /seam/],
  ["src/store/store.ts", `import { connect } from "node:http2";`, /seam/],
  ["src/store/open-store.ts", `import { mirror } from "../find/mirror.ts";`, /below discovery/],
  ["src/store/open-store.ts", `import { create } from "@bufbuild/protobuf";`, /below discovery/],
  ["src/discovery.ts", `import { Etcd3Store } from "./store/etcd3/store.ts";`, /public face/],
  ["src/discovery.ts", `import { MemoryStore } from "./store/memory/store.ts";`, /public face/],
  ["src/discovery.ts", `import { Etcd2Store } from "./store/etcd2/store.ts";`, /public face/],
  ["src/discovery.ts", `import { connect } from "node:http2";`, /public face/],
  ["src/discovery.ts", `import { connect as connectNet } from "node:net";`, /opens no connection/],
  ["src/discovery.ts", `import { connect as connectTls } from "node:tls";`, /opens no connection/],
  ["src/discovery.ts", `import { memoryStore } from "./testing/index.ts";`, /public face/],
  ["src/diagnostics.ts", `import { lease } from "./store/etcd3/lease.ts";`, /public face/],
  ["src/index.ts", `export * from "./testing/index.ts";`, /public face/],
  ["src/register/entry.ts", `import { open } from "../store/open-store.ts";`, /register\//],
  ["src/register/entry.ts", `import { lease } from "../store/etcd3/lease.ts";`, /register\//],
  ["src/register/entry.ts", `import { create } from "@bufbuild/protobuf";`, /register\//],
  ["src/register/entry.ts", `import { connect } from "node:net";`, /register\//],
  ["src/register/entry.ts", `import { mirror } from "../find/mirror.ts";`, /register\//],
  ["src/register/entry.ts", `import { Discovery } from "../discovery.ts";`, /register\//],
  ["src/register/checks/gate.ts", `import { connect } from "node:net";`, /register\//],
  ["src/register/checks/gate.ts", `import { mirror } from "../../find/mirror.ts";`, /register\//],
  ["src/register/checks/probes/tcp.ts", `import { E } from "../../../store/store.ts";`, /Probes/],
  [
    "src/register/checks/probes/tcp.ts",
    `import { mirror } from "../../../find/mirror.ts";`,
    /Probes/,
  ],
  ["src/register/checks/probes/tcp.ts", `import { create } from "@bufbuild/protobuf";`, /Probes/],
  ["src/find/mirror.ts", `import { open } from "../store/open-store.ts";`, /find\//],
  ["src/find/mirror.ts", `import { serve } from "../store/memory/server.ts";`, /find\//],
  ["src/find/mirror.ts", `import { create } from "@bufbuild/protobuf";`, /find\//],
  ["src/find/mirror.ts", `import { request } from "node:http";`, /find\//],
  ["src/find/mirror.ts", `import { entry } from "../register/entry.ts";`, /find\//],
  ["src/find/mirror.ts", `import { memoryStore } from "../testing/memory-store.ts";`, /find\//],
  ["src/find/live/pool.ts", `import { request } from "node:http";`, /find\//],
  ["src/find/live/pool.ts", `import { entry } from "../../register/entry.ts";`, /find\//],
  ["src/find/live/pool.ts", `import { memory } from "../../store/memory/server.ts";`, /find\//],
  ["src/find/live/pool.ts", `import { Discovery } from "../../discovery.ts";`, /find\//],
  ["src/cli/commands/get/get.ts", `import { E } from "../../../store/etcd3/e.ts";`, /command line/],
  ["src/operate/rotate.ts", `import { open } from "../store/open-store.ts";`, /operate\//],
  ["src/operate/rotate.ts", `import { Output } from "../cli/output.ts";`, /operate\//],
  ["src/operate/rotate.ts", `import { Discovery } from "../discovery.ts";`, /operate\//],
  ["src/operate/rotate.ts", `import { writeFile } from "node:fs/promises";`, /operate\//],
  ["src/catalogue/catalogue.ts", `import { Mirror } from "../find/mirror.ts";`, /public face/],
  ["src/store/memory/store.ts", `import { connect } from "node:net";`, /memory store/],
  ["src/store/memory/store.ts", `import { create } from "@bufbuild/protobuf";`, /memory store/],
  ["src/store/memory/store.ts", `import { entry } from "../../register/entry.ts";`, /memory store/],
  ["src/store/etcd3/store.ts", `import { mirror } from "../../find/mirror.ts";`, /A driver/],
  ["src/store/etcd3/store.ts", `import { Discovery } from "../../discovery.ts";`, /A driver/],
  ["src/store/etcd3/store.ts", `import { serve } from "../memory/server.ts";`, /A driver/],
  ["src/store/etcd3/store.ts", `import { open } from "../open-store.ts";`, /A driver/],
  ["src/store/etcd/endpoints.ts", `import { Client } from "../etcd3/client.ts";`, /etcd share/],
  [
    "src/store/etcd/endpoints.ts",
    `import { Client as Other } from "../etcd2/client.ts";`,
    /etcd share/,
  ],
  ["src/store/etcd/endpoints.ts", `import { create } from "@bufbuild/protobuf";`, /etcd share/],
  ["src/store/etcd/socket.ts", `import { request } from "node:http";`, /etcd share/],
  ["src/store/etcd/socket.ts", `import { Agent } from "node:https";`, /etcd share/],
  ["src/store/etcd/socket.ts", `import { connect as http2 } from "node:http2";`, /etcd share/],
  ["src/store/etcd/socket.ts", `import { entry } from "../../register/entry.ts";`, /etcd share/],
  ["src/store/open-store.ts", `import { Discovery } from "../discovery.ts";`, /below discovery/],
  ["src/arguments.ts", `import { Discovery } from "./discovery.ts";`, /arguments.ts/],
  ["src/store/etcd2/store.ts", `import { create } from "@bufbuild/protobuf";`, /A driver/],
  ["src/store/etcd2/store.ts", `import { lease } from "../etcd3/lease.ts";`, /A driver/],
  [
    "src/integrations/grpc/a.ts",
    `import { open } from "../../store/open-store.ts";`,
    /integrations\//,
  ],
  [
    "src/integrations/grpc/a.ts",
    `import { mirror } from "../../find/mirror.ts";`,
    /integrations\//,
  ],
  [
    "src/integrations/grpc/a.ts",
    `import { entry } from "../../register/entry.ts";`,
    /integrations\//,
  ],
  ["src/integrations/grpc/a.ts", `import { fetch } from "../fetch/index.ts";`, /integrations\//],
  ["src/integrations/grpc/a.ts", `import { request } from "node:http2";`, /integrations\//],
  ["src/cli/main.ts", `import { Server } from "@grpc/grpc-js";`, /protobuf/],
  ["src/cli/main.ts", `import { resolver } from "../integrations/grpc/index.ts";`, /command line/],
  [
    "src/discovery.ts",
    `import { resolver } from "./integrations/grpc/index.ts";`,
    /Nobody imports/,
  ],
  ["src/find/mirror.ts", `import { resolver } from "../integrations/grpc/index.ts";`, /find\//],
  ["src/testing/index.ts", `import { create } from "@bufbuild/protobuf";`, /protobuf/],
  ["src/discovery.ts", `import { ServiceClient } from "./integrations/fetch/index.ts";`, /Nobody/],
  ["src/discovery.ts", `import { Pool } from "undici";`, /undici/],
  ["src/testing/index.ts", `import { Agent } from "undici";`, /undici/],
  ["src/find/live/pool.ts", `import { fetch } from "../../integrations/fetch/index.ts";`, /find\//],
  [
    "src/integrations/fetch/router.ts",
    `import { open } from "../../store/open-store.ts";`,
    /An integration/,
  ],
  [
    "src/integrations/fetch/router.ts",
    `import { Mirror } from "../../find/mirror.ts";`,
    /An integration/,
  ],
  [
    "src/integrations/fetch/router.ts",
    `import { Registrar } from "../../register/registrar.ts";`,
    /An integration/,
  ],
  ["src/integrations/fetch/router.ts", `import { Server } from "@grpc/grpc-js";`, /An integration/],
  ["src/cli/main.ts", `import { memoryStore } from "../testing/index.ts";`, /testing\//],
  ["src/cli/main.ts", `import { create } from "@bufbuild/protobuf";`, /protobuf/],
  ["src/cli/commands/register/a.ts", `import { connect } from "node:net";`, /The sidecar/],
  [
    "src/cli/commands/register/a.ts",
    `import { Entry } from "../../../register/entry.ts";`,
    /The sidecar/,
  ],
  ["src/cli/commands/register/a.ts", `import { run as url } from "../url/url.ts";`, /The sidecar/],
];

/** What the layers need: the same rules must let this pass. */
const allowed: readonly [file: string, source: string][] = [
  ["src/model/record.ts", `import { E } from "../errors.ts"; import os from "node:os";`],
  ["src/model/service.ts", `import { Host } from "./host.ts";`],
  ["src/store/store.ts", `import type { Clock } from "../async/clock.ts";`],
  ["src/store/open-store.ts", `import { Etcd3Store } from "./etcd3/store.ts";`],
  ["src/store/open-store.ts", `import type { TlsOptions } from "../discovery-options.ts";`],
  ["src/discovery-options.ts", `import { isIP } from "node:net";`],
  ["src/discovery-options.ts", `import { createSecureContext } from "node:tls";`],
  ["src/discovery.ts", `import { open } from "./store/open-store.ts";`],
  ["src/register/entry.ts", `import type { Store } from "../store/store.ts";`],
  ["src/register/checks/gate.ts", `import type { Store } from "../../store/store.ts";`],
  ["src/register/checks/probes/tcp.ts", `import "node:net"; import "../../../async/abort.ts";`],
  ["src/find/mirror.ts", `import { abortable } from "../async/abort.ts";`],
  ["src/find/live/pool.ts", `import type { Mirror } from "../mirror.ts";`],
  ["src/find/live/pool.ts", `import { open } from "node:fs/promises";`],
  [
    "src/store/etcd3/channel.ts",
    `import http2 from "node:http2"; import "@bufbuild/protobuf/wkt";`,
  ],
  ["src/store/etcd3/connection.ts", `import { openSocket } from "../etcd/socket.ts";`],
  ["src/store/etcd2/client.ts", `import { Endpoints } from "../etcd/endpoints.ts";`],
  ["src/store/etcd2/http-channel.ts", `import { request } from "node:http";`],
  ["src/store/etcd/socket.ts", `import { connect } from "node:tls"; import "../store.ts";`],
  [
    "src/integrations/grpc/a.ts",
    `import { Server } from "@grpc/grpc-js"; import type { Host } from "../../model/host.ts";`,
  ],
  ["src/integrations/grpc/a.ts", `import type { Discovery } from "../../discovery.ts";`],
  ["src/integrations/grpc/a.ts", `import type { LivePool } from "../../find/live/live-pool.ts";`],
  ["src/integrations/fetch/router.ts", `import { Pool } from "undici"; import "node:net";`],
  [
    "src/integrations/fetch/router.ts",
    `import type { LivePool } from "../../find/live/live-pool.ts";`,
  ],
  ["src/integrations/fetch/router.ts", `import type { Discovery } from "../../discovery.ts";`],
  ["src/operate/rotate.ts", `import type { Store } from "../store/store.ts";`],
  ["src/operate/new-password.ts", `import { randomBytes } from "node:crypto";`],
  ["src/testing/memory-store.ts", `import { serve } from "../store/memory/server.ts";`],
  [
    "src/cli/commands/register/a.ts",
    `import { Discovery } from "../../../discovery.ts"; import type { Runs } from "../../program.ts";`,
  ],
];

/** Rules that are about more than one import. */
const mistakes: readonly [rule: string, file: string, source: string][] = [
  [
    "no-cycle",
    "src/find/one.ts",
    `import { two } from "./two.ts"; export const one = (): unknown => two;`,
  ],
  ["no-floating-promises", "src/a.ts", `async function f(): Promise<void> {}\nf();`],
  ["no-misused-promises", "src/b.ts", `if (Promise.resolve(1)) throw new Error("b");`],
  ["no-explicit-any", "src/c.ts", `export const c: any = 1;`],
  ["no-non-null-assertion", "src/d.ts", `export const d = (x?: string): string => x!;`],
  ["no-top-level-await", "src/e.ts", `export const e: number = await Promise.resolve(1);`],
  ["no-focused-tests", "test/f.test.ts", `import { it } from "vitest"; it.only("f", () => {});`],
  ["no-disabled-tests", "test/g.test.ts", `import { it } from "vitest"; it.skip("g", () => {});`],
];

interface Finding {
  readonly code: string;
  readonly message: string;
  readonly help?: string;
  readonly filename: string;
  readonly labels: readonly { readonly span: { readonly line: number } }[];
}

describe("the lint rules that hold the layers", () => {
  let folder: string;
  let findings: readonly Finding[];
  const written = new Map<string, string[]>();

  /** Adds a line to a file of the copy and returns the line's number. */
  const write = (file: string, source: string): number => {
    const lines = written.get(file) ?? [];
    written.set(file, lines);
    return lines.push(source);
  };

  const numbered = {
    violations: violations.map(([file, source, message]) => ({
      file,
      source,
      message,
      line: write(file, source),
    })),
    allowed: allowed.map(([file, source]) => ({ file, source, line: write(file, source) })),
    mistakes: mistakes.map(([rule, file, source]) => ({ rule, file, line: write(file, source) })),
  };

  /** What oxlint said of this line, as `rule: message`. */
  const said = (file: string, line?: number): string[] =>
    findings
      .filter((finding) => finding.filename === file)
      .filter((finding) => line === undefined || finding.labels[0]?.span.line === line)
      .map((finding) => `${finding.code}: ${finding.message} ${finding.help ?? ""}`);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "etcd-discovery-layers-"));
    for (const name of [".oxlintrc.json", "tsconfig.json", "package.json"]) {
      cpSync(join(root, name), join(folder, name));
    }
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"), "junction");
    write(
      "src/find/two.ts",
      `import { one } from "./one.ts"; export const two = (): unknown => one;`,
    );
    for (const [file, lines] of written) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), `${lines.join("\n")}\n`);
    }
    const oxlint = join(root, "node_modules", "oxlint", "bin", "oxlint");
    const result = spawnSync(process.execPath, [oxlint, "--format=json", "src", "test"], {
      cwd: folder,
      encoding: "utf8",
    });
    const report = JSON.parse(result.stdout) as { diagnostics: readonly Finding[] };
    findings = report.diagnostics;
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(numbered.violations)("refuse in $file: $source", ({ file, line, message }) => {
    const layer = said(file, line).filter((text) => text.includes("no-restricted-imports"));
    expect(layer).toHaveLength(1);
    expect(layer[0]).toMatch(message);
  });

  it.each(numbered.allowed)("let pass in $file: $source", ({ file, line }) => {
    expect(said(file, line).filter((text) => text.includes("no-restricted-imports"))).toEqual([]);
  });

  it.each(numbered.mistakes)("report $rule", ({ rule, file }) => {
    expect(said(file).filter((text) => text.includes(`(${rule})`))).not.toEqual([]);
  });
});
