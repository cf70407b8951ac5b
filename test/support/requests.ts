import type { EtcdCluster } from "../../src/testing/index.ts";

/** How many gRPC requests an etcd of one member has begun to serve since it was started, by the method's name. */
export async function requests(
  etcd: Pick<EtcdCluster, "endpoint">,
): Promise<Readonly<Record<string, number>>> {
  const metrics = await (await fetch(`${etcd.endpoint}/metrics`)).text();
  const counts = metrics.matchAll(
    /^grpc_server_started_total\{grpc_method="(\w+)",grpc_service="etcdserverpb.*\} ([\d.e+]+)$/gm,
  );
  return Object.fromEntries([...counts].map(([, method = "", count]) => [method, Number(count)]));
}
