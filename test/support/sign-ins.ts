import type { EtcdCluster, EtcdJson } from "../../src/testing/index.ts";

/** Counts how often anybody but the test itself signs in to an etcd that asks for passwords. */
export interface SignIns extends Pick<EtcdCluster, "call"> {
  /** How often since etcd was started last, as it counts them itself. */
  others(): Promise<number>;
}

/** Use its `call` instead of etcd's own, which signs in each time and would be counted. */
export function signIns(etcd: EtcdCluster, rootPassword: string): SignIns {
  let token: string | undefined;
  let signedIn = { pid: etcd.pid, count: 0 };
  const ask = async (path: string, body: EtcdJson): Promise<EtcdJson> => {
    const answer = await fetch(etcd.endpoint + path, {
      method: "POST",
      body: JSON.stringify(body),
      headers: token === undefined ? {} : { authorization: token },
    });
    if (answer.ok) return (await answer.json()) as EtcdJson;
    throw new Error(`etcd refused ${path}: ${await answer.text()}`);
  };
  const signIn = async (): Promise<void> => {
    token = undefined;
    const answer = await ask("/v3/auth/authenticate", { name: "root", password: rootPassword });
    // Only what etcd has counted, too: it may just be restarting.
    if (signedIn.pid !== etcd.pid) signedIn = { pid: etcd.pid, count: 0 };
    signedIn.count += 1;
    token = String(answer["token"]);
  };
  return {
    async call(path, body) {
      if (token === undefined) await signIn();
      try {
        return await ask(path, body);
      } catch (error) {
        if (!/token|revision of auth store/.test(String(error))) throw error;
        await signIn();
        return await ask(path, body);
      }
    },
    async others() {
      const counts = await Promise.all(etcd.endpoints.map(authenticated));
      const own = signedIn.pid === etcd.pid ? signedIn.count : 0;
      return counts.reduce((sum, count) => sum + count, 0) - own;
    },
  };
}

async function authenticated(endpoint: string): Promise<number> {
  const metrics = await (await fetch(`${endpoint}/metrics`)).text();
  const counts = metrics.matchAll(
    /^grpc_server_handled_total\{.*grpc_method="Authenticate".*\} (\d+)$/gm,
  );
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
