import { Catalogue } from "../../../catalogue/catalogue.ts";
import { type Dashboard, startDashboard } from "../../../dashboard/start-dashboard.ts";
import { isLoopback } from "../../../dashboard/allowed-hosts.ts";
import type { CommandContext } from "../../command-context.ts";
import { tokenFrom } from "../../connection-flags.ts";
import { UsageError } from "../../usage-error.ts";

interface UiOptions {
  readonly port?: string;
  readonly host?: string;
  readonly allowHost?: readonly string[];

  /** `-`: standard input. */
  readonly tokenFile?: string;
  readonly targetScheme?: string;
  readonly targetPrivate?: boolean;
  readonly targetLabel?: readonly string[];
}

/** Serves the dashboard until it is interrupted, through whatever befalls etcd. */
export async function run(
  context: CommandContext,
  _args: readonly string[],
  options: UiOptions,
): Promise<undefined> {
  const { port, host = "127.0.0.1", allowHost, tokenFile } = options;
  const { targetLabel, targetPrivate, targetScheme } = options;
  context.refuseRest();
  const { discovery, output, signal } = context;
  if (port !== undefined && !/^\d{1,5}$/.test(port)) {
    throw new UsageError(`--port must be a number from 0 to 65535, not "${port}"`);
  }
  const token = tokenFile === undefined ? undefined : tokenFrom("--token-file", tokenFile);
  await using catalogue = new Catalogue(discovery);
  // Loaded only here: prom-client takes its time.
  const { httpSdHandler, metricsHandler } =
    await import("../../../integrations/prometheus/index.ts");
  using metrics = metricsHandler(discovery);
  const { registry } = metrics;
  await using targets = httpSdHandler(catalogue, {
    ...{ registry, scheme: targetScheme, private: targetPrivate, labels: targetLabel },
  });
  let signInUrl: string | undefined;
  await using dashboard: Dashboard = await startDashboard({
    catalogue,
    endpoint: () => discovery.health().etcd.endpoint,
    host,
    port: port === undefined ? undefined : Number(port),
    allowHosts: allowHost,
    token,
    routes: { "/metrics": metrics, "/http_sd": targets },
    onSignInUrl(url) {
      // The first one is told below, once it is served.
      if (signInUrl !== undefined) {
        output.note("Somebody has signed in. The next browser signs in by:");
        output.text(url, { url });
      }
      signInUrl = url;
    },
  });
  output.text(signInUrl ?? dashboard.url, { url: signInUrl ?? dashboard.url });
  if (token !== undefined) output.note("It asks for the token of --token-file.");
  else if (signInUrl !== undefined) {
    output.note("This link signs one browser in, once. Do not pass it on.");
  }
  if (!isLoopback(host)) {
    output.note(
      "It speaks plain HTTP: put a proxy with TLS before it, or come by an SSH tunnel, where others can listen in.",
    );
  }
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  return undefined;
}
