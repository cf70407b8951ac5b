type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What signs in to etcd, by this package or by etcdctl. Where etcd is, and whom to trust to be etcd, is no
 * secret and stays. A certificate goes with its key, since one without the other is refused.
 */
const credentials = [
  "ETCD_USERNAME",
  "ETCD_PASSWORD",
  "ETCD_TLS_CERT",
  "ETCD_TLS_KEY",
  // Of an image of etcd that is often run beside services.
  "ETCD_ROOT_PASSWORD",
  "ETCDCTL_USER",
  "ETCDCTL_PASSWORD",
  "ETCDCTL_CERT",
  "ETCDCTL_KEY",
];

/** The variables of a command that is run: ours, without those that sign in to etcd. */
export function commandEnvironment(environment: Environment): Record<string, string | undefined> {
  const entries = Object.entries(environment).filter(([name]) => !credentials.includes(name));
  return Object.fromEntries(entries);
}
