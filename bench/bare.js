// @ts-check
// The floor: the channel alone. The requests are those of the library, the answers are not decoded.
import { Compare_CompareTarget, KeyValue } from "../.cache/modules/store/etcd3/gen/etcd.js";
import { Http2Channel } from "../.cache/modules/store/etcd3/http2-channel.js";
import { oneKey, prefixRange } from "../.cache/modules/store/etcd3/keys.js";
import * as methods from "../.cache/modules/store/etcd3/methods.js";
import { hostRecord } from "./host-record.js";
import { hostKey, hostsPrefix, infoKey } from "../.cache/modules/model/keys.js";

/** Passes over whatever comes. */
const undecoded = {
  /** @param {import("@bufbuild/protobuf/wire").BinaryReader} reader */
  decode(reader) {
    reader.pos = reader.len;
  },
};
const undecodedTxn = { ...methods.txn, answer: undecoded };
const undecodedPut = { ...methods.put, answer: undecoded };
const undecodedWatch = { ...methods.watch, answer: undecoded };

const options = { deadlineMs: 10_000, metadata: { hasleader: "true" } };

export class Bare {
  #channel;
  /** One that outlives the measures, as the channel alone does not keep it. */
  #lease = BigInt(Math.floor(Math.random() * 2 ** 48));

  /** @param {string} origin */
  constructor(origin) {
    this.#channel = new Http2Channel({ origin });
  }

  /** Makes the lease that hosts are registered under. */
  async open() {
    await this.#channel.unary(methods.leaseGrant, { ID: this.#lease, TTL: 600n }, options);
  }

  /**
   * The ranges of a service's info and of its hosts, as one transaction.
   *
   * @param {string} service
   */
  async readService(service) {
    const ranges = [
      oneKey(infoKey("", service)),
      { ...prefixRange(hostsPrefix("", service)), limit: 1_000n },
    ];
    const success = ranges.map((range) => ({ requestRange: range }));
    const request = { compare: [], success, failure: [] };
    await this.#channel.unary(undecodedTxn, request, options);
  }

  /**
   * The transaction that registers a private host: its record, and the info if there is none.
   * Returns what ends it, which is a put: the least that a subscriber can be told of.
   *
   * @param {string} service
   */
  registerHost(service) {
    const id = `${crypto.randomUUID()}-node-1.internal`;
    const value = Buffer.from(hostRecord(service, id));
    const host = { key: Buffer.from(hostKey("", service, id)), value, lease: this.#lease };
    const info = oneKey(infoKey("", service));
    const ifNoInfo = {
      compare: [{ target: Compare_CompareTarget.MOD, key: info.key, modRevision: 0n }],
      success: [{ requestPut: { key: info.key, value } }],
      failure: [{ requestRange: info }],
    };
    const success = [{ requestPut: host }, { requestTxn: ifNoInfo }];
    const request = { compare: [], success, failure: [] };
    const registered = this.#channel.unary(undecodedTxn, request, options);
    return async () => {
      await registered;
      await this.#channel.unary(undecodedPut, host, options);
    };
  }

  /**
   * Watches the hosts of a service; resolves when the watch is established.
   *
   * @param {string} service
   * @param {{ up: () => void }} observer told of every event, as events are not decoded
   */
  async follow(service, { up }) {
    await new Promise((resolve, reject) => {
      let created = false;
      const stream = this.#channel.duplex(
        undecodedWatch,
        { connectTimeoutMs: 5_000, metadata: options.metadata },
        {
          message: () => {
            if (created) up();
            created = true;
            resolve(undefined);
          },
          ended: reject,
        },
      );
      const range = prefixRange(hostsPrefix("", service));
      stream.send({ createRequest: { ...range, watchId: 1n, fragment: true } });
    });
  }

  /**
   * Reads all hosts of a service in one answer.
   *
   * @param {string} service
   */
  async firstView(service) {
    const range = prefixRange(hostsPrefix("", service));
    const request = { compare: [], success: [{ requestRange: range }], failure: [] };
    await this.#channel.unary(undecodedTxn, request, options);
  }

  /**
   * Writes one key, without a lease.
   *
   * @param {string} key
   * @param {string} value
   */
  async put(key, value) {
    const request = { key: Buffer.from(key), value: Buffer.from(value) };
    await this.#channel.unary(undecodedPut, request, options);
  }

  /**
   * How many hosts of a service are listed. (This answer is decoded.)
   *
   * @param {string} service
   */
  async count(service) {
    const range = { ...prefixRange(hostsPrefix("", service)), countOnly: true };
    return Number((await this.#channel.unary(methods.range, range, options)).count);
  }

  /**
   * How often each host's record of a service was written since it came.
   *
   * @param {string} service
   */
  async writes(service) {
    const range = { ...prefixRange(hostsPrefix("", service)), keysOnly: true };
    const { kvs } = await this.#channel.unary(methods.range, range, options);
    return kvs.map((kv) => Number(KeyValue.decode(kv).version));
  }

  async close() {
    await this.#channel.unary(methods.leaseRevoke, { ID: this.#lease }, options).catch(() => {});
    await this.#channel.close();
  }
}

export { Bare as Client };
