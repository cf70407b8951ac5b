import { systemClock } from "../../async/clock.ts";
import type { ConnectionOptions } from "../../discovery-options.ts";
import { silentLogger } from "../../logger.ts";
import { Client as Client2 } from "../../store/etcd2/client.ts";
import { Client as Client3 } from "../../store/etcd3/client.ts";
import { Http2Channel } from "../../store/etcd3/http2-channel.ts";
import type { EndpointFacts } from "../facts.ts";

/** How etcd is asked as a whole, by the endpoints that have answered; each is made when it is first asked for. */
export class Clients {
  readonly #connection: ConnectionOptions;
  readonly #endpoints: readonly EndpointFacts[];
  #byGrpc: Client3 | undefined;
  #byHttp: Client2 | undefined;

  constructor(connection: ConnectionOptions, endpoints: readonly EndpointFacts[]) {
    this.#connection = connection;
    this.#endpoints = endpoints;
  }

  /** Throws if no endpoint has answered by gRPC. */
  get grpc(): Client3 {
    const { auth: user, tls } = this.#connection;
    this.#byGrpc ??= new Client3({
      addresses: addresses(this.#endpoints.filter(({ member }) => member.told)),
      connect: (origin) => new Http2Channel({ origin, tls, clock: systemClock }),
      user,
      clock: systemClock,
      logger: silentLogger,
      onReplaced() {},
    });
    return this.#byGrpc;
  }

  /** Throws if no endpoint has answered by HTTP. */
  get http(): Client2 {
    const { api, auth, tls } = this.#connection;
    this.#byHttp ??= new Client2({
      addresses: addresses(this.#endpoints.filter(({ http }) => http.told)),
      tls,
      // API 2 has users of its own, whom these need not be among.
      user: api === 2 ? auth : undefined,
      clock: systemClock,
      logger: silentLogger,
      onReplaced() {},
    });
    return this.#byHttp;
  }

  async close(): Promise<void> {
    await Promise.all([this.#byGrpc?.close(), this.#byHttp?.close()]);
  }
}

function addresses(endpoints: readonly EndpointFacts[]): string[] {
  if (endpoints.length === 0) throw new Error("no endpoint answers");
  return endpoints.map(({ address }) => address);
}
