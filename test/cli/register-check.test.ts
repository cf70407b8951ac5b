import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, inject, test } from "vitest";
import { Discovery } from "../../src/index.ts";
import { freePorts } from "../../src/testing/free-ports.ts";
import { makeCertificates } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { GrpcHealthServer } from "../support/grpc-health-server.ts";
import { hostNews } from "../support/host-news.ts";
import { pythonService, runSidecar } from "../support/sidecar.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const endpoint = inject("etcd");
const prefix = `/register-check-${randomUUID()}`;
const env = { ETCD_HOSTS: endpoint, ETCD_PREFIX: prefix };
const discovery = new Discovery({ endpoints: [endpoint], prefix });
afterAll(() => discovery.close());

describe("with a check", () => {
  test("is registered only while the program is well", async () => {
    await using folder = await temporaryFolder();
    const [port = 0] = await freePorts(1);
    const sick = join(folder.path, "sick");
    await writeFile(sick, "");
    const followed = await hostNews(discovery, "checked");
    const timing = ["--check-interval", "50ms", "--check-fall", "2", "--check-rise", "1"];
    const flags = ["checked", "--hostname", "127.0.0.1", "--port", `http=${port}`];
    const check = ["--check", `http://127.0.0.1:${port}/health`, ...timing];
    const service = pythonService("--port", String(port), "--sick-if", sick);
    await using run = runSidecar([...flags, ...check, "--", ...service], { env });
    await run.heard(({ ready }) => ready === true);
    const checks = () => run.said.filter(({ check }) => check === 503).length;
    await eventually(() => checks() >= 3, 10_000, 10);
    await run.says(/is not registered before it is well: /, "stderr");
    expect(followed.items).toEqual([]);

    await rm(sick);
    await eventually(() => followed.items.includes("up"), 10_000, 10);
    await writeFile(sick, "");
    await eventually(() => followed.items.includes("down draining unregistered"), 10_000, 10);
    await run.says(/withdrawn until it is well again/, "stderr");
    await rm(sick);
    await eventually(() => followed.items.filter((item) => item === "up").length === 2, 10_000, 10);
    run.kill("SIGTERM");
    expect(await run.ended).toMatchObject({ signal: "SIGTERM" });
  });

  test.each([["/health"], ["tcp"]])("%s is of the host's own port", async (check) => {
    const [port = 0] = await freePorts(1);
    const service = `own-${check.replace("/", "")}`;
    const flags = [service, "--hostname", "127.0.0.1", "--port", `http=${port}`];
    const checks = ["--check", check, "--check-interval", "50ms"];
    const program = pythonService("--port", String(port));
    await using run = runSidecar([...flags, ...checks, "--", ...program], { env });
    await run.says(/registered as/, "stderr");
    run.kill("SIGTERM");
    await run.ended;
  });

  test("grpc://: of a server elsewhere", async () => {
    await using server = await GrpcHealthServer.start();
    server.statuses.set("my.Service", "NOT_SERVING");
    const check = ["--check", `grpc://127.0.0.1:${server.port}/my.Service`];
    const flags = ["by-grpc", "--hostname", "127.0.0.1", "--port", "grpc=1"];
    const timing = ["--check-interval", "50ms", "--check-fall", "1"];
    const followed = await hostNews(discovery, "by-grpc");
    await using run = runSidecar([...flags, ...check, ...timing, "--", ...pythonService()], {
      env,
    });
    await eventually(() => server.asked.length >= 3, 10_000, 10);
    expect(followed.items).toEqual([]);
    server.statuses.set("my.Service", "SERVING");
    await eventually(() => followed.items.includes("up"), 10_000, 10);
    server.statuses.set("my.Service", "NOT_SERVING");
    await eventually(() => followed.items.includes("down draining unregistered"), 10_000, 10);
    expect(new Set(server.asked)).toEqual(new Set(["my.Service"]));
    run.kill("SIGTERM");
    await run.ended;
  });

  test("https://: trusts whom NODE_EXTRA_CA_CERTS names, and else says why not", async () => {
    await using folder = await temporaryFolder();
    const { ca, server: pair } = await makeCertificates();
    const file = join(folder.path, "ca.pem");
    await writeFile(file, ca.cert);
    const server = createServer(pair, (_, response) => response.end("well"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const { port } = server.address() as AddressInfo;
      const flags = ["--hostname", "127.0.0.1", "--port", "https=1", "--check-interval", "50ms"];
      const check = ["--check", `https://127.0.0.1:${port}/ready`];
      const start = (service: string, authority: string) =>
        runSidecar([service, ...flags, ...check, "--", ...pythonService()], {
          env: { ...env, NODE_EXTRA_CA_CERTS: authority },
        });
      await using trusting = start("by-https", file);
      await trusting.says(/registered as/, "stderr");
      await using distrusting = start("by-https-not", "");
      await distrusting.says(/not registered before it is well: .*certificate/, "stderr");
      expect(distrusting.stderr).not.toMatch(/registered as/);
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });
});
