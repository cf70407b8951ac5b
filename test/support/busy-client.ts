import { Discovery, type DiscoveryOptions, type RegistrationState } from "../../src/index.ts";
import type { Registration } from "../../src/index.ts";
import type { EtcdCluster } from "../../src/testing/index.ts";
import { type Lookups, lookUpAllTheTime } from "./lookups.ts";
import { recordingLogger, type RecordingLogger } from "./recording-logger.ts";
import { statesOf } from "./registrations.ts";
import { type Witness, witness } from "./witness.ts";

/** A client that does all at once, and keeps what became of it. */
export interface BusyClient extends AsyncDisposable {
  readonly discovery: Discovery;
  readonly registration: Registration;

  /** What the registration went through since it was there. */
  readonly states: readonly RegistrationState[];
  readonly follower: Witness;
  readonly lookups: Lookups;
  readonly logger: RecordingLogger;

  /** What it logged, except for debugging. */
  warnings(): string[];
}

export const busyService = "busy-service";

/** Resolves when it is registered and follows its own service. */
export async function startBusyClient(
  etcd: EtcdCluster,
  options: DiscoveryOptions = {},
): Promise<BusyClient> {
  const logger = recordingLogger();
  const discovery = new Discovery({ endpoints: etcd.endpoints, logger, ...options });
  const host = { hostname: "node-1.internal.dev", ports: { http: 80 } };
  const registration = discovery.register(busyService, host);
  await registration.waitRegistration();
  const follower = witness(discovery, busyService);
  await follower.ready();
  const lookups = lookUpAllTheTime(discovery, busyService);
  return {
    discovery,
    registration,
    states: statesOf(registration),
    follower,
    lookups,
    logger,
    warnings: () =>
      logger.lines.filter(({ level }) => level !== "debug").map(({ message }) => message),
    async [Symbol.asyncDispose]() {
      await lookups.stop();
      await discovery.close();
    },
  };
}
