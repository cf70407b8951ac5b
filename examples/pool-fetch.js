// @ts-check
// Calls a service by its name on hosts that are picked from memory: node pool-fetch.js my-service
// It needs undici 7 beside etcd-discovery.
import { Discovery, isDiscoveryError, roundRobin } from "etcd-discovery";
import { ServiceClient } from "etcd-discovery/fetch";

const [, , service = "hello"] = process.argv;

const discovery = new Discovery({ logger: console });
const pool = discovery.live(service, { strategy: roundRobin() });
// By default it makes a pool of each service that it is asked for; this one is to go by turns.
const client = new ServiceClient({ discovery, pools: { [service]: pool } });
try {
  await pool.waitReady({ signal: AbortSignal.timeout(5_000) });
  console.log(`${pool.hosts.length} hosts of ${service}, ${pool.freshness.source}`);
  for (let call = 1; call <= 10; call += 1) {
    const response = await client.fetch(`http://${service}.discovery/`);
    console.log(call, response.status, (await response.text()).trim());
  }
} catch (error) {
  process.exitCode = 1;
  console.error(isDiscoveryError(error) ? `${error.code}: ${error.message}` : error);
} finally {
  await client.close();
  await discovery.close();
}
