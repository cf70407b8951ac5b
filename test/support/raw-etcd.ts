import { Agent, request } from "node:http";
import type { EtcdCluster, EtcdJson } from "../../src/testing/index.ts";

/** A key as etcd has it. */
export interface RawRecord {
  readonly value: string;

  /** The revision that made the key, and the one that wrote it last. */
  readonly created: number;
  readonly revision: number;

  /** How often it was written since it was made. */
  readonly version: number;

  /** `"0"`: none. */
  readonly lease: string;
}

/** What etcd's gateway answers; numbers of 64 bits are strings, and what is zero is left out. */
interface RawKey {
  readonly key: string;
  readonly value?: string;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly version: string;
  readonly lease?: string;
}

type Call = (path: string, body: EtcdJson) => Promise<EtcdJson>;

const agent = new Agent({ keepAlive: true });

/** etcd by its JSON gateway: what an operator, or anybody else, does to it by hand. */
export class RawEtcd {
  readonly #call: Call;

  constructor(etcd: Pick<EtcdCluster, "call">) {
    this.#call = (path, body) => etcd.call(path, body);
  }

  /** The etcd at an `http:` endpoint that asks for no password. */
  static at(endpoint: string): RawEtcd {
    return new RawEtcd({ call: (path, body) => post(endpoint + path, body) });
  }

  async get(key: string): Promise<RawRecord | undefined> {
    const { kvs } = await this.#range({ key: base64(key) });
    return kvs?.[0] && rawRecord(kvs[0]);
  }

  /** All keys that begin so, in their order. */
  async list(prefix: string): Promise<Map<string, RawRecord>> {
    const { kvs = [] } = await this.#range({
      key: base64(prefix),
      range_end: base64(endOf(prefix)),
    });
    return new Map(kvs.map((kv) => [text(kv.key), rawRecord(kv)]));
  }

  async put(key: string, value: string | Uint8Array, lease = "0"): Promise<void> {
    await this.#call("/v3/kv/put", { key: base64(key), value: base64(value), lease });
  }

  async delete(key: string): Promise<void> {
    await this.#call("/v3/kv/deleterange", { key: base64(key) });
  }

  /** Deletes all keys that begin so, in one go. */
  async deletePrefix(prefix: string): Promise<void> {
    const range = { key: base64(prefix), range_end: base64(endOf(prefix)) };
    await this.#call("/v3/kv/deleterange", range);
  }

  /** The ids of all leases. */
  async leases(): Promise<string[]> {
    const { leases = [] } = (await this.#call("/v3/lease/leases", {})) as {
      leases?: { ID: string }[];
    };
    return leases.map(({ ID }) => ID);
  }

  /** Makes a lease that nobody keeps alive, and returns its id. */
  async grant(ttlSeconds = 3_600): Promise<string> {
    const { ID } = await this.#call("/v3/lease/grant", { TTL: String(ttlSeconds) });
    return ID as string;
  }

  async revoke(lease: string): Promise<void> {
    await this.#call("/v3/lease/revoke", { ID: lease });
  }

  async #range(question: EtcdJson): Promise<{ kvs?: RawKey[] }> {
    return await this.#call("/v3/kv/range", question);
  }
}

function rawRecord(kv: RawKey): RawRecord {
  return {
    value: text(kv.value ?? ""),
    created: Number(kv.create_revision),
    revision: Number(kv.mod_revision),
    version: Number(kv.version),
    lease: kv.lease ?? "0",
  };
}

function post(url: string, body: EtcdJson): Promise<EtcdJson> {
  return new Promise((resolve, reject) => {
    const call = request(url, { method: "POST", agent }, (response) => {
      let answer = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (answer += chunk));
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(answer) as EtcdJson);
        else reject(new Error(`etcd refused ${url}: ${answer}`));
      });
    });
    call.on("error", reject);
    call.end(JSON.stringify(body));
  });
}

function base64(data: string | Uint8Array): string {
  return Buffer.from(data).toString("base64");
}

function text(encoded: string): string {
  return Buffer.from(encoded, "base64").toString();
}

/** The first key after all that begin with `prefix`, which ends in ASCII. */
export function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
