import { systemClock } from "../../async/clock.ts";
import type { ChannelTls } from "../../store/etcd/tls.ts";
import { HttpChannel } from "../../store/etcd2/http-channel.ts";
import { fieldsOf, parseJson } from "../../store/etcd2/json.ts";
import type { HttpFacts } from "../facts.ts";
import type { Limits } from "../told.ts";

/** What an endpoint says by plain HTTP: which etcd it is, the time it has, and how much it may store. */
export async function httpAnswers(
  address: string,
  tls: ChannelTls | undefined,
  { signal, timeoutMs }: Limits,
): Promise<HttpFacts> {
  const channel = new HttpChannel({ origin: address, tls, clock: systemClock });
  const get = (path: string) =>
    channel.request({ method: "GET", path }, { signal, deadlineMs: timeoutMs, repeatable: true });
  try {
    // The first request pays for the connection, which would blur what the time was.
    await get("/version");
    const askedAt = Date.now();
    const { body, headers } = await get("/version");
    const answeredAt = Date.now();
    const { etcdserver } = fieldsOf(parseJson(body));
    const date = Date.parse(headers.date ?? "");
    return {
      version: typeof etcdserver === "string" ? etcdserver : undefined,
      date: Number.isNaN(date) ? undefined : date,
      askedAt,
      answeredAt,
      quotaBytes: await get("/metrics").then((answer) => quotaIn(answer.body), nothing),
    };
  } finally {
    await channel.close();
  }
}

/** That metrics are not to be had says nothing: they may be served elsewhere. */
function nothing(): undefined {}

/** The quota in etcd's metrics, a number such as `2.147483648e+09`. */
export function quotaIn(metrics: string): number | undefined {
  const [, number] = /^etcd_server_quota_backend_bytes (\S+)$/m.exec(metrics) ?? [];
  const bytes = Number(number);
  return bytes > 0 ? bytes : undefined;
}
