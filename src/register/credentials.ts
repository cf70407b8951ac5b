/** User and password, the same for all public hosts of a service; empty strings where there is none. */
export interface Credentials {
  readonly user: string;
  readonly password: string;
}

/** Whether there is anything in them at all. */
export function given(credentials: Credentials): boolean {
  return credentials.user !== "" || credentials.password !== "";
}

export function sameCredentials(one: Credentials, other: Credentials): boolean {
  return one.user === other.user && one.password === other.password;
}
