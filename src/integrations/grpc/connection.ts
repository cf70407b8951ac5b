import { type ChannelOptions, connectivityState, experimental } from "@grpc/grpc-js";
import { type Backend, endpointOf } from "./backends.ts";

/** What a connection tells whoever made it. */
export interface ConnectionListener {
  /** Its state is another one. */
  readonly changed: () => void;

  /** An attempt to connect has failed. */
  readonly unreachable: (reason: string) => void;
}

/** One host's connection, kept up for as long as the host may be called. */
export class Connection {
  readonly backend: Backend;
  readonly #leaf: experimental.LeafLoadBalancer;
  readonly #listener: ConnectionListener;
  #subchannel: Subchannel | undefined;

  constructor(
    backend: Backend,
    helper: experimental.ChannelControlHelper,
    options: ChannelOptions,
    listener: ConnectionListener,
  ) {
    this.backend = backend;
    this.#listener = listener;
    const own = experimental.createChildChannelControlHelper(helper, {
      createSubchannel: (address, args) => {
        const subchannel = helper.createSubchannel(address, args);
        this.#watch(subchannel.getRealSubchannel());
        return subchannel;
      },
      updateState: () => listener.changed(),
      // Hosts that come and go are told without being asked for.
      requestReresolution: () => {},
    });
    this.#leaf = new experimental.LeafLoadBalancer(endpointOf(backend), own, options, "");
  }

  /** Begins to connect, at once also where an earlier process at this address was waited for. */
  start(): void {
    this.#leaf.startConnecting();
    this.resetBackoff();
  }

  resetBackoff(): void {
    this.#subchannel?.resetBackoff();
  }

  get state(): connectivityState {
    return this.#leaf.getConnectivityState();
  }

  /** Sees to it that one that was lost is made again. */
  keepUp(): void {
    if (this.state === connectivityState.IDLE) this.#leaf.exitIdle();
  }

  pick(args: experimental.PickArgs): experimental.PickResult {
    return this.#leaf.getPicker().pick(args);
  }

  close(): void {
    this.#watch(undefined);
    this.#leaf.destroy();
  }

  /** It may be shared with other channels, so that what it tells has to be listened to here. */
  #watch(subchannel: Subchannel | undefined): void {
    if (subchannel === this.#subchannel) return;
    this.#subchannel?.removeConnectivityStateListener(this.#stateListener);
    this.#subchannel = subchannel;
    subchannel?.addConnectivityStateListener(this.#stateListener);
  }

  readonly #stateListener: experimental.ConnectivityStateListener = (
    _subchannel,
    _before,
    now,
    _keepaliveTime,
    reason,
  ) => {
    if (now === connectivityState.TRANSIENT_FAILURE) this.#listener.unreachable(reason ?? "");
  };
}

type Subchannel = ReturnType<experimental.SubchannelInterface["getRealSubchannel"]>;
