import type { Discovery, HostEvent } from "../../src/index.ts";
import { collect, type Collected } from "./collect.ts";

/** What is told of a service from now on, as `up`, `update draining`, `down draining unregistered` and so on. */
export async function hostNews(discovery: Discovery, service: string): Promise<Collected<string>> {
  const subscription = discovery.subscribe(service);
  await subscription.waitReady();
  const told = ({ type, host, reason }: HostEvent): string =>
    [type, host.draining ? "draining" : "", reason ?? ""].filter((word) => word !== "").join(" ");
  return collect(subscription, told);
}
