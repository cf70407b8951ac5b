/** What etcd says of itself. */
export interface EtcdMetrics {
  /** The sum of a metric over all its labels that match; 0 if there is none. */
  sum(name: string, labels?: RegExp): number;

  /** Ranges that are watched, and the streams that carry them. */
  readonly watchers: number;
  readonly watchStreams: number;

  /** Readings and writes that were asked for, in transactions or not. */
  readonly calls: number;

  /** Bytes sent to clients. */
  readonly sentBytes: number;
}

/** Asks an `http:` endpoint of etcd for its metrics. */
export async function etcdMetrics({ endpoint }: { endpoint: string }): Promise<EtcdMetrics> {
  const lines = (await (await fetch(`${endpoint}/metrics`)).text()).split("\n");
  const sum = (name: string, labels: RegExp = /(?:)/): number => {
    let total = 0;
    for (const line of lines) {
      const [key = "", value = ""] = line.split(" ");
      const [own = "", rest = ""] = key.split("{");
      if (own === name && labels.test(rest)) total += Number(value);
    }
    return total;
  };
  return {
    sum,
    watchers: sum("etcd_debugging_mvcc_watcher_total"),
    watchStreams: sum("etcd_debugging_mvcc_watch_stream_total"),
    calls: sum("grpc_server_started_total", /grpc_method="(Range|Txn|Put|DeleteRange)"/),
    sentBytes: sum("etcd_network_client_grpc_sent_bytes_total"),
  };
}
