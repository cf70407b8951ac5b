import { quote } from "./refuse.ts";
import { showOwnPropertiesOnly } from "./inspect.ts";
import type { InfoRecord } from "./record.ts";
import { Face } from "./url.ts";

/**
 * What all hosts of a service have in common, as it was when it was read. Of a private service, and
 * of one without an info on etcd, there is a name and little else. The password is kept out of sight
 * as that of a {@link Host} is.
 */
export class Service {
  static {
    showOwnPropertiesOnly("Service", this.prototype);
  }

  /** The name of the service. */
  readonly name: string;

  /** Whether its owner calls it critical. */
  readonly critical: boolean;

  /** The hostname of a public service, or empty. IPv6 without brackets. */
  readonly hostname: string;

  /** Empty if there is none. */
  readonly user: string;

  /** The ports of a public service by scheme, as they are on etcd. The map inherits nothing. */
  readonly ports: Readonly<Record<string, string>>;

  /** Whether it can be reached from outside the private network. */
  readonly public: boolean;

  readonly #password: string;
  #face: Face | undefined;

  /** @internal */
  constructor(record: InfoRecord) {
    this.name = record.name;
    this.critical = record.critical;
    this.hostname = record.hostname;
    this.user = record.user;
    this.ports = record.ports;
    this.public = record.public;
    this.#password = record.password;
  }

  /** Empty if there is none. */
  get password(): string {
    return this.#password;
  }

  /**
   * A url of a public service with its credentials, built as that of a {@link Host}. Throws
   * `UNKNOWN_SCHEME` if there is no such port, as for any private service; `MALFORMED_RECORD` if the
   * hostname or the port on etcd is none; `INVALID_ARGUMENT` if an argument is not a string.
   */
  url(scheme?: string | undefined, path?: string | undefined): string {
    this.#face ??= new Face({
      subject: `service ${quote(this.name)}`,
      hostname: this.hostname,
      ports: this.ports,
      user: this.user,
      password: this.#password,
    });
    return this.#face.url(scheme, path);
  }

  /** The name of the service. */
  toString(): string {
    return this.name;
  }
}
