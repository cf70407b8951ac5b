// @ts-check
// The floor: the channel alone. The requests are those of the library, the answers are not decoded.
import {
  Compare_CompareTarget,
  KeyValueSchema,
  KV,
  Lease,
  Watch,
  WatchProgressRequestSchema,
} from "../dist/store/etcd3/gen/etcd_pb.js";
import { fromBinary } from "@bufbuild/protobuf";
import { Http2Channel } from "../dist/store/etcd3/http2-channel.js";
import { oneKey, prefixRange } from "../dist/store/etcd3/keys.js";
import { hostRecord } from "./host-record.js";
import { hostKey, hostsPrefix, infoKey } from "../dist/model/keys.js";

/** A message without fields: whatever comes is passed over as unknown. */
const nothing = WatchProgressRequestSchema;
const undecodedTxn = { ...KV.method.txn, output: nothing };
const undecodedPut = { ...KV.method.put, output: nothing };
const undecodedWatch = { ...Watch.method.watch, output: nothing };

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
    await this.#channel.unary(Lease.method.leaseGrant, { ID: this.#lease, TTL: 600n }, options);
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
    const success = ranges.map((value) => ({
      request: { case: /** @type {const} */ ("requestRange"), value },
    }));
    await this.#channel.unary(undecodedTxn, { success }, options);
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
    /** @type {import("@bufbuild/protobuf").MessageInitShape<typeof import("../dist/store/etcd3/gen/etcd_pb.js").TxnRequestSchema>} */
    const ifNoInfo = {
      compare: [
        {
          ...info,
          target: Compare_CompareTarget.MOD,
          targetUnion: { case: "modRevision", value: 0n },
        },
      ],
      success: [{ request: { case: "requestPut", value: { key: info.key, value } } }],
      failure: [{ request: { case: "requestRange", value: info } }],
    };
    /** @type {import("@bufbuild/protobuf").MessageInitShape<typeof import("../dist/store/etcd3/gen/etcd_pb.js").TxnRequestSchema>["success"]} */
    const success = [
      { request: { case: "requestPut", value: host } },
      { request: { case: "requestTxn", value: ifNoInfo } },
    ];
    const registered = this.#channel.unary(undecodedTxn, { success }, options);
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
      const value = { ...prefixRange(hostsPrefix("", service)), watchId: 1n, fragment: true };
      stream.send({ requestUnion: { case: "createRequest", value } });
    });
  }

  /**
   * How many hosts of a service are listed. (This answer is decoded.)
   *
   * @param {string} service
   */
  async count(service) {
    const range = { ...prefixRange(hostsPrefix("", service)), countOnly: true };
    return Number((await this.#channel.unary(KV.method.range, range, options)).count);
  }

  /**
   * How often each host's record of a service was written since it came.
   *
   * @param {string} service
   */
  async writes(service) {
    const range = { ...prefixRange(hostsPrefix("", service)), keysOnly: true };
    const { kvs } = await this.#channel.unary(KV.method.range, range, options);
    return kvs.map((kv) => Number(fromBinary(KeyValueSchema, kv).version));
  }

  async close() {
    await this.#channel
      .unary(Lease.method.leaseRevoke, { ID: this.#lease }, options)
      .catch(() => {});
    await this.#channel.close();
  }
}

export { Bare as Client };
