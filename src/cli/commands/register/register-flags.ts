/** The flags of `register`. */
export interface RegisterFlags {
  readonly hostname?: string;
  readonly port?: readonly string[];
  readonly privateHostname?: string;
  readonly privatePort?: readonly string[];
  readonly public?: boolean;
  readonly critical?: boolean;
  readonly shard?: string;
  readonly weight?: string;
  readonly metadata?: readonly string[];
  readonly user?: string;

  /** `-`: standard input. */
  readonly servicePasswordFile?: string;
  readonly check?: string;
  readonly checkInterval?: string;
  readonly checkTimeout?: string;
  readonly checkFall?: string;
  readonly checkRise?: string;
  readonly ttl?: string;
  readonly drain?: string;
  readonly grace?: string;
  readonly foreground?: boolean;
  readonly passEtcdEnvironment?: boolean;
}
