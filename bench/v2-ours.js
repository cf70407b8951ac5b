// @ts-check
import { Ours } from "./ours.js";

/** This package, by etcd's v2 API. */
export class OursV2 extends Ours {
  /** @param {string} endpoint */
  constructor(endpoint) {
    super(endpoint, 2);
  }
}

export { OursV2 as Client };
