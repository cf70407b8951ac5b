import { type Credentials, sameCredentials } from "./credentials.ts";

/** Far more than anybody rotates between two backups that are worth keeping. */
const most = 32;

/** What a service's credentials were before, so that they are known again when etcd is put back to an earlier state. */
export class SupersededCredentials {
  #all: Credentials[] = [];

  /** `now` takes the place of `before`. */
  note(before: Credentials | undefined, now: Credentials): void {
    if (before === undefined || sameCredentials(before, now)) return;
    this.#all = [...this.#all.filter((each) => !sameCredentials(each, now)), before].slice(-most);
  }

  includes(credentials: Credentials): boolean {
    return this.#all.some((each) => sameCredentials(each, credentials));
  }
}
