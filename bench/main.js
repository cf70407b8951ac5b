// @ts-check
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { startEtcd } from "etcd-discovery/testing";
import { commandStart } from "./command.js";
import { agreement } from "./credentials.js";
import { manySubscribers, onePoll, oneSubscriber } from "./following.js";
import { bundle, importTime, packages } from "./footprint.js";
import { awayUnderLoad, killedUnderLoad } from "./http-outages.js";
import { httpRequests } from "./http-requests.js";
import { killed } from "./killed.js";
import { firstView, oneUpdate, thousandServices } from "./many-hosts.js";
import { graceful } from "./grpc.js";
import { inFlight, oneAtATime } from "./lookups.js";
import { picks } from "./picks.js";
import { thousandPools } from "./pools.js";
import { quietMinute } from "./quiet.js";
import { aThousand, aThousandV2, fiveThousand } from "./registration.js";
import { table } from "./table.js";
import { onV2 } from "./v2-etcd.js";
import { fleetFollowed } from "./v2-fleet-following.js";
import { keptAlive } from "./v2-keeping.js";

/** @type {Record<string, (bench: import("./harness.js").Bench) => Promise<import("./table.js").Row[]>>} */
const measures = {
  lookup: oneAtATime,
  "lookup-32": inFlight,
  "register-1000": aThousand,
  "register-5000": fiveThousand,
  credentials: agreement,
  quiet: quietMinute,
  follow: oneSubscriber,
  "follow-100": manySubscribers,
  kill: killed,
  "first-view": firstView,
  update: oneUpdate,
  services: thousandServices,
  pick: picks,
  pools: thousandPools,
  grpc: graceful,
  http: httpRequests,
  "http-killed": killedUnderLoad,
  "http-etcd-away": awayUnderLoad,
  "v2-register": onV2(aThousandV2),
  "v2-keep": onV2(keptAlive),
  "v2-follow": onV2(onePoll),
  "v2-fleet": onV2(fleetFollowed),
  command: commandStart,
  import: importTime,
  packages,
  bundle,
};

const usage = `npm run bench -- [options]
  --only <measure>  this one alone; may be given several times: ${Object.keys(measures).join(", ")}
  --rounds <count>  how often each contender is measured (default: 5)
  --quick           a tenth of the repetitions in two rounds: to see that it runs, not to compare
  --full            a whole quiet minute for each contender, not 20 s; etcd away for 60 s, not 10;
                    credentials on 1,000 Discoveries, too`;

const { values: options } = parseArgs({
  options: {
    only: { type: "string", multiple: true, default: Object.keys(measures) },
    rounds: { type: "string" },
    quick: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds ?? (options.quick ? 2 : 5));
const unknown = options.only.filter((name) => !(name in measures));

if (options.help || unknown.length > 0 || !(Number.isInteger(rounds) && rounds > 0)) {
  if (unknown.length > 0) console.error(`There is no measure ${unknown.join(", ")}.`);
  console.error(usage);
  process.exitCode = options.help ? 0 : 1;
} else {
  await run();
}

async function run() {
  // Neither etcd nor a connection to it keeps a process alive.
  const alive = setInterval(() => {}, 60_000);
  const etcd = await startEtcd();
  try {
    console.log(
      `node ${process.version}, etcd ${etcd.version}, ${cpus().length} CPUs; ` +
        `medians of ${rounds} rounds, interleaved\n`,
    );
    const bench = {
      etcd,
      rounds,
      times: (/** @type {number} */ count) => (options.quick ? Math.ceil(count / 10) : count),
      full: options.full,
      quietSeconds: options.full ? 60 : options.quick ? 4 : 20,
    };
    const rows = [];
    for (const name of options.only) {
      const start = performance.now();
      const measure = measures[name];
      if (measure !== undefined) rows.push(...(await measure(bench)));
      const seconds = (performance.now() - start) / 1_000;
      if (process.stderr.isTTY) console.error(`${name}: ${seconds.toFixed(0)} s`);
    }
    console.log(table(rows));
  } finally {
    await etcd[Symbol.asyncDispose]();
    clearInterval(alive);
  }
}
