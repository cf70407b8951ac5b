// @ts-check
import { setTimeout as sleep } from "node:timers/promises";
import { Client, credentials } from "@grpc/grpc-js";
import { Discovery } from "etcd-discovery";
import { registerEtcdResolver } from "etcd-discovery/grpc";
import { Child } from "./child.js";
import { echo } from "./grpc-echo.js";
import { byTurns, cpuMs, medians, throughput } from "./harness.js";
import { atLeast, atMost } from "./table.js";

const backends = 3;
const inFlight = 32;

/**
 * Three servers in processes of their own: what fails when one of them leaves while calls are made
 * all the time; and how many calls are made in a second of CPU time by the service's name and, bare,
 * by gRPC's own round_robin to three addresses.
 *
 * @param {import("./harness.js").Bench} bench
 */
export async function graceful({ etcd: { endpoint }, rounds, times }) {
  const discovery = new Discovery({ endpoints: [endpoint] });
  const undo = registerEtcdResolver(discovery);
  try {
    let failed = 0;
    let answered = 0;
    for (let round = 0; round < rounds; round += 1) {
      const counts = await departure(endpoint, `bench-grpc-${round}`);
      failed += counts.failed;
      answered += counts.answered;
    }
    const calls = await rates(endpoint, "bench-grpc-rate", { rounds, count: times(5_000) });
    const all = `of ${(answered + failed).toLocaleString("en")}`;
    return [
      {
        measure: `gRPC: one of three backends leaves gracefully under load: failed calls, ${all}`,
        ...{ ours: failed, goals: [atMost(0)] },
      },
      {
        measure: `gRPC: calls to three backends in a second of CPU time, ${inFlight} in flight`,
        ...{ unit: "/s", ...calls, goals: [atLeast(0.9, "bare")] },
      },
    ];
  } finally {
    undo();
    await discovery.close();
  }
}

/**
 * @param {string} endpoint
 * @param {string} service
 */
async function departure(endpoint, service) {
  const { children } = await serve(endpoint, service);
  const client = connect(`etcd:///${service}`);
  let failed = 0;
  let answered = 0;
  let over = false;
  const worker = async () => {
    while (!over) {
      await call(client).then(
        () => (answered += 1),
        () => (failed += 1),
      );
    }
  };
  try {
    const working = Promise.all(Array.from({ length: inFlight }, worker));
    await sleep(300);
    await children[0]?.leave();
    await sleep(300);
    over = true;
    await working;
    return { failed, answered };
  } finally {
    client.close();
    await Promise.all(children.map((child) => child.kill()));
  }
}

/**
 * @param {string} endpoint
 * @param {string} service
 * @param {{ rounds: number, count: number }} options
 */
async function rates(endpoint, service, { rounds, count }) {
  const { children, ports } = await serve(endpoint, service);
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join(",");
  const clients = {
    ours: connect(`etcd:///${service}`),
    bare: connect(`ipv4:${addresses}`, {
      "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    }),
  };
  try {
    const { ours, bare } = medians(
      await byTurns(rounds, {
        ours: () => rate(clients.ours, count),
        bare: () => rate(clients.bare, count),
      }),
    );
    return { ours, bare };
  } finally {
    clients.ours.close();
    clients.bare.close();
    await Promise.all(children.map((child) => child.kill()));
  }
}

/**
 * How many calls are made in a second of this process' CPU time.
 *
 * @param {Client} client
 * @param {number} count
 */
async function rate(client, count) {
  const before = cpuMs();
  await throughput(count, inFlight, () => call(client));
  return (count / (cpuMs() - before)) * 1_000;
}

/**
 * @param {string} endpoint
 * @param {string} service
 */
async function serve(endpoint, service) {
  const children = Array.from(
    { length: backends },
    () => new Child("grpc-process.js", "ours", [endpoint, service]),
  );
  const ports = await Promise.all(children.map((child) => child.message()));
  return { children, ports };
}

/**
 * @param {string} target
 * @param {import("@grpc/grpc-js").ChannelOptions} [options]
 */
function connect(target, options) {
  return new Client(target, credentials.createInsecure(), {
    "grpc.enable_http_proxy": 0,
    ...options,
  });
}

const message = Buffer.from("x".repeat(100));

/** @param {Client} client */
function call(client) {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = echo;
    client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error, answer) =>
      error === null ? resolve(answer) : reject(error),
    );
  });
}
